"""Rests of detectors in plain numpy, chosen by name: what follows a trunk where there is no torch."""
