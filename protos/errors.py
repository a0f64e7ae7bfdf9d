"""The errors of the wire contract.

ValueError
└── CodecError    an array or a `Tensor` message that cannot be one
"""


class CodecError(ValueError):
    """An array cannot be sent, or a `Tensor` message cannot be an array; the message says what was expected."""
