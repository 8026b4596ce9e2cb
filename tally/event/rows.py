"""Ledger rows in memory: one numpy structured array, from the fetch to the file.

``Rows`` has one element a row, shape (n,), dtype ``ROWS_DTYPE``. Decimals and ids stand in it as the 16 bytes of the
contract (big-endian; decimals in two's complement). ``int128`` reads those columns as numbers.
"""

from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Rows: TypeAlias = NDArray[np.void]
Offsets: TypeAlias = NDArray[np.int64]
Halves: TypeAlias = NDArray[np.uint64]
Mask: TypeAlias = NDArray[np.bool_]
Bytes16: TypeAlias = NDArray[np.uint8]
"""Shape (n, 16)."""

# offset and timestamp_us come first so that they are aligned; 104 bytes a row with the padding.
ROWS_DTYPE: Final = np.dtype(
    [
        ("offset", "i8"),
        ("timestamp_us", "i8"),
        ("request_id", "u1", (16,)),
        ("a", "u1", (16,)),
        ("b", "u1", (16,)),
        ("sum", "u1", (16,)),
        ("digest", "u1", (16,)),
        ("kind", "u1"),
        ("reason", "u1"),
    ],
    align=True,
)


def no_rows(n: int = 0) -> Rows:
    """Return n rows of zeros, that is COUNTED, NONE and all else 0."""
    return np.zeros(n, dtype=ROWS_DTYPE)


def next_offset(offset: int) -> int:
    """Return the offset to read next when ``offset`` is the last one known. The only place that adds one."""
    return offset + 1


def previous_offset(following: int) -> int:
    """Return the last offset below a next offset; -1 below the first."""
    return following - 1
