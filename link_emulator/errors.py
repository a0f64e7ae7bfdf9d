"""What can go wrong in the link emulator.

LinkEmulatorError
├── TraceError      (ValueError)  a trace that cannot be read: the message names the line
└── AddressError    (ValueError)  not a `host:port`
"""


class LinkEmulatorError(Exception):
    """Any error of this package."""


class TraceError(LinkEmulatorError, ValueError):
    """A rate, a time or a line of a trace is not valid."""


class AddressError(LinkEmulatorError, ValueError):
    """An address is not of the form `host:port`."""
