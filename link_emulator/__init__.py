"""link_emulator."""
