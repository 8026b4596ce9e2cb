"""Avro's zigzag varints, one value or a column of them."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

BYTES_MAX: Final = 10
"""A long of 64 bits."""

_LIMITS: Final = np.array([1 << 7 * k for k in range(1, BYTES_MAX)], dtype=np.uint64)
_SEVEN_BITS: Final = np.uint64(0x7F)


def encode(value: int) -> bytes:
    """Return the varint of one long."""
    rest = (value << 1) ^ (value >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def decode(data: bytes | memoryview, at: int) -> tuple[int, int]:
    """Return (long, position after it). Raises IndexError when the data ends within, ValueError beyond 64 bits."""
    unsigned = shift = 0
    for _ in range(BYTES_MAX):
        byte = data[at]
        at += 1
        unsigned |= (byte & 0x7F) << shift
        if byte < 0x80:
            if unsigned >> 64:
                break
            return (unsigned >> 1) ^ -(unsigned & 1), at
        shift += 7
    raise ValueError("a number has more than 64 bits")


def width_at(data: bytes | memoryview, at: int) -> int:
    """Return the bytes of the varint at a position. Raises IndexError, ValueError."""
    return decode(data, at)[1] - at


def zigzag(column: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the unsigned form of each long, shape (n,)."""
    return ((column << 1) ^ (column >> 63)).view(np.uint64)


def widths(unsigned: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the bytes of each varint, shape (n,)."""
    return np.searchsorted(_LIMITS, unsigned, side="right") + 1


def write_column(out: NDArray[np.uint8], unsigned: NDArray[np.uint64]) -> None:
    """Write varints that all have the width of ``out``, shape (n, width)."""
    last = out.shape[1] - 1
    for k in range(last):
        out[:, k] = ((unsigned >> np.uint64(7 * k)) & _SEVEN_BITS) | np.uint64(0x80)
    out[:, last] = unsigned >> np.uint64(7 * last)


def read_column(raw: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return the longs of varints of one width, shape (n, width)."""
    unsigned = np.zeros(len(raw), np.uint64)
    for k in range(raw.shape[1]):
        unsigned |= (raw[:, k].astype(np.uint64) & _SEVEN_BITS) << np.uint64(7 * k)
    one = np.uint64(1)
    return ((unsigned >> one) ^ (np.uint64(0) - (unsigned & one))).view(np.int64)


def have_width(raw: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Tell which rows of shape (n, width) are varints of exactly that width."""
    return (raw[:, -1] < 0x80) & (raw[:, :-1] >= 0x80).all(axis=1)
