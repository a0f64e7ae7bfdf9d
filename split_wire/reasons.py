"""The reasons in the `google.rpc.ErrorInfo` of errors, as the error table of `split.proto` lists them."""

from enum import StrEnum

ERROR_DOMAIN = "dads.v1"
"""`ErrorInfo.domain` of every error of this contract."""


class Reason(StrEnum):
    """Why a request was refused; the value is `ErrorInfo.reason`."""

    BAD_TENSOR = "BAD_TENSOR"
    WRONG_TENSOR = "WRONG_TENSOR"
    UNKNOWN_LAYER = "UNKNOWN_LAYER"
    DUPLICATE_TENSOR = "DUPLICATE_TENSOR"
    MISSING_TENSOR = "MISSING_TENSOR"
    UNKNOWN_OUTPUT = "UNKNOWN_OUTPUT"
    PICTURE_LOST = "PICTURE_LOST"
    BAD_REQUEST = "BAD_REQUEST"
    ANSWER_TOO_LARGE = "ANSWER_TOO_LARGE"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    BAD_TOKEN = "BAD_TOKEN"  # noqa: S105 # a name, no password
    DIGEST_MISMATCH = "DIGEST_MISMATCH"
    PACKETS_GAP = "PACKETS_GAP"
    PICTURE_PENDING = "PICTURE_PENDING"
    PIXELS_DIFFER = "PIXELS_DIFFER"
    UNKNOWN_MODEL = "UNKNOWN_MODEL"
    OVERLOADED = "OVERLOADED"
    NO_DECODER = "NO_DECODER"
    EXPIRED = "EXPIRED"
    STARTING = "STARTING"
    DRAINING = "DRAINING"
    DECODER_LOST = "DECODER_LOST"
    INTERNAL = "INTERNAL"
