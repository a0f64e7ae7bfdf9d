"""The errors of the link emulator.

LinkEmulatorError
├── TraceError      (ValueError)  an invalid trace: the message names the line or the step
└── AddressError    (ValueError)  not a `host:port`
"""


class LinkEmulatorError(Exception):
    """The root of this package's errors."""


class TraceError(LinkEmulatorError, ValueError):
    """A rate, a time or a line of a trace is not valid."""


class AddressError(LinkEmulatorError, ValueError):
    """An address is not of the form `host:port`."""
