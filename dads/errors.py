"""What can go wrong in the command line's own code.

DadsError
└── UnitError   (ValueError)  a rate, duration or size without a unit, or with one that does not exist
"""


class DadsError(Exception):
    """Any error of this package; its message is for the person who typed the command."""


class UnitError(DadsError, ValueError):
    """A quantity that cannot be read; the message says which units exist."""
