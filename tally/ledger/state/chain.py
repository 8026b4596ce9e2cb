"""The chain: a hash over all rows of a partition up to an offset, whatever blocks and segments they lie in.

``C(0)`` is 16 zero bytes. Window k holds the offsets in [1024 k, 1024 (k + 1)). ``C(k + 1) = BLAKE2b-128(C(k) +
canonical rows of window k)``. The chain at next offset n is C(n / 1024) when n is a multiple of 1024, else
``BLAKE2b-128(C(floor(n / 1024)) + canonical rows in [1024 floor(n / 1024), n))``. A window without rows is hashed too.

Canonical row, 98 bytes, big-endian: kind u1 (its code), reason u1, offset i8, timestamp in microseconds i8,
request_id 16, a 16, b 16, sum 16, digest 16.

Equal chains at one offset mean equal prefixes. The state can go on from anywhere: it keeps C of the open window and
the hash of its rows so far.
"""

import hashlib
import itertools
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tally.event.rows import Rows, next_offset

WINDOW_OFFSETS: Final = 1024
CHAIN_BYTES: Final = 16
FIRST: Final = bytes(CHAIN_BYTES)
"""C(0)."""

CANONICAL_DTYPE: Final = np.dtype(
    [
        ("kind", "u1"),
        ("reason", "u1"),
        ("offset", ">i8"),
        ("timestamp_us", ">i8"),
        ("request_id", "u1", (16,)),
        ("a", "u1", (16,)),
        ("b", "u1", (16,)),
        ("sum", "u1", (16,)),
        ("digest", "u1", (16,)),
    ]
)


@dataclass(frozen=True)
class ChainState:
    """The chain before ``next_offset``. ``closed`` is C of the window that next_offset lies in; ``value`` the chain.

    ``_open`` hashes closed and the window's rows so far; it is copied before every update.
    """

    next_offset: int
    closed: bytes
    value: bytes
    _open: "hashlib.blake2b" = field(repr=False, compare=False)

    @classmethod
    def at_window(cls, window: int, closed: bytes) -> "ChainState":
        """Return the state at the first offset of a window, before any of its rows."""
        return cls(window * WINDOW_OFFSETS, closed, closed, _hash(closed))

    @classmethod
    def empty(cls) -> "ChainState":
        """Return the state before the first record of the topic."""
        return cls.at_window(0, FIRST)

    def advance(self, rows: Rows) -> "ChainState":
        """Return the state after rows, whose offsets strictly increase from at least next_offset."""
        if len(rows) == 0:
            return self
        data = canonical(rows).view(np.uint8).data
        width = CANONICAL_DTYPE.itemsize
        windows = rows["offset"] // WINDOW_OFFSETS
        bounds = [0, *(np.flatnonzero(np.diff(windows)) + 1).tolist(), len(rows)]
        window, closed, opened = self.next_offset // WINDOW_OFFSETS, self.closed, self._open.copy()
        for start, stop in itertools.pairwise(bounds):
            window, closed, opened = _close_until(int(windows[start]), window, closed, opened)
            opened.update(data[start * width : stop * width])
        following = next_offset(int(rows["offset"][-1]))
        _, closed, opened = _close_until(following // WINDOW_OFFSETS, window, closed, opened)
        value = closed if following % WINDOW_OFFSETS == 0 else opened.digest()
        return ChainState(following, closed, value, opened)

    def value_at(self, offset: int) -> bytes:
        """Return the chain at an offset from next_offset on, when there is no row between."""
        assert offset >= self.next_offset, f"the chain is at {self.next_offset} already"
        window, closed, opened = self.next_offset // WINDOW_OFFSETS, self.closed, self._open
        _, closed, opened = _close_until(offset // WINDOW_OFFSETS, window, closed, opened)
        return closed if offset % WINDOW_OFFSETS == 0 else opened.digest()


def canonical(rows: Rows) -> NDArray[np.void]:
    """Return the rows in the layout that is hashed."""
    out = np.empty(len(rows), dtype=CANONICAL_DTYPE)
    for name in CANONICAL_DTYPE.names or ():
        out[name] = rows[name]
    return out


def _close_until(
    target: int, window: int, closed: bytes, opened: "hashlib.blake2b"
) -> tuple[int, bytes, "hashlib.blake2b"]:
    while window < target:
        closed = opened.digest()
        opened = _hash(closed)
        window += 1
    return window, closed, opened


def _hash(closed: bytes) -> "hashlib.blake2b":
    return hashlib.blake2b(closed, digest_size=CHAIN_BYTES)
