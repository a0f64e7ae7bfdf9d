"""The errors of the wire contract.

ValueError
├── CodecError    an array that cannot be sent, or an invalid `Tensor` message
├── WireError     bytes that are no message, or one beyond the limits
└── AccessError   settings of TLS or a token that cannot be used
"""


class CodecError(ValueError):
    """An array cannot be sent, or a `Tensor` message cannot be decoded; the message says what was expected."""


class WireError(ValueError):
    """Received bytes are no message of the expected type, or exceed a limit; the message says what was expected."""


class AccessError(ValueError):
    """TLS files or a token cannot be used; the message says what was expected."""
