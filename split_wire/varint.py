"""Protobuf's variable-length integers (varints).

Source: https://protobuf.dev/programming-guides/encoding/#varints
"""

from split_wire.errors import WireError

MAX_VARINT_BYTES = 10


def varint_size(value: int) -> int:
    """Return the bytes of the shortest form of a value of 0 or more."""
    return max(1, -(-value.bit_length() // 7))


def write_varint(value: int, size: int | None = None) -> bytes:
    """Write a value of 0 or more.

    Args:
        value: The value.
        size: Bytes to use; None: the shortest form. Longer forms mean the same; every parser accepts up to ten bytes
            (for a length, up to five).
    """
    size = size or varint_size(value)
    groups = [value >> (7 * place) & 0x7F | 0x80 for place in range(size)]
    groups[-1] &= 0x7F
    return bytes(groups)


def read_varint(buffer: bytes, position: int, end: int) -> tuple[int, int]:
    """Read a varint.

    Returns:
        Its value, of up to 70 bits, and the position after it.

    Raises:
        WireError: The varint does not end before `end`, or has more than ten bytes.
    """
    value = shift = 0
    while position < end and shift < 7 * MAX_VARINT_BYTES:
        byte = buffer[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise WireError(f"a varint has no end; expected one within {MAX_VARINT_BYTES} bytes and the message")
