"""A recorded LTE uplink, live: adaptive against the best fixed split, baselines, and an oracle."""
