"""Prices."""


def measure(*a, **k): ...
