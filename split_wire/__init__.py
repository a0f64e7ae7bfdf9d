"""The wire contract: the stubs of `split.proto` (package `dads.v1`), the tensor codec and client access.

This package knows nothing of models or partitioning and does not import torch, so any Python client with gRPC and numpy
can use it.
"""

from split_wire.codec import EncodedTensor, decode_tensor, decoded_bytes, encode_tensor, fits, roundtrip
from split_wire.encodings import LOSSLESS, PICTURES, Encoding, applies, available
from split_wire.errors import CodecError, WireError
from split_wire.headers.header import DTYPES, dtype_name
from split_wire.reasons import ERROR_DOMAIN, Reason

__all__ = [
    "DTYPES",
    "ERROR_DOMAIN",
    "LOSSLESS",
    "PICTURES",
    "CodecError",
    "EncodedTensor",
    "Encoding",
    "Reason",
    "WireError",
    "applies",
    "available",
    "decode_tensor",
    "decoded_bytes",
    "dtype_name",
    "encode_tensor",
    "fits",
    "roundtrip",
]
