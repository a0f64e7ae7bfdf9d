"""One run of `dads edge`: its settings, its frames, its table."""
