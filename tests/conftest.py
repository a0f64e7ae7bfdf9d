"""Tests interrupt processes as a user at a terminal does, also where they themselves run in the background."""

import signal


def pytest_configure() -> None:
    """A shell starts background jobs with SIGINT ignored, and children inherit that."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
