"""edge_service."""
