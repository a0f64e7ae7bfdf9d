"""The wire contract: `split.proto` (package `dads.v1`), its stubs, and the tensor codec.

Knows neither models nor partitioning, and imports no torch: any client that speaks gRPC and numpy can use it.
"""

from protos.codec import DTYPES, decode_tensor, dtype_name, encode_tensor
from protos.errors import CodecError
from protos.reasons import ERROR_DOMAIN, Reason

__all__ = [
    "DTYPES",
    "ERROR_DOMAIN",
    "CodecError",
    "Reason",
    "decode_tensor",
    "dtype_name",
    "encode_tensor",
]
