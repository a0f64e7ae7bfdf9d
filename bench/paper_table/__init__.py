"""The paper's table, live: five models, four uplinks, light and heavy load, against edge-only and cloud-only."""
