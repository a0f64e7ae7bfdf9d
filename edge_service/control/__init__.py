"""edge_service/control."""
