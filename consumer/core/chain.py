"""The chain: a hash over all rows of a partition up to an offset, whatever blocks and segments they lie in.

``C(0)`` is 16 zero bytes. Window k holds the offsets in [1024 k, 1024 (k + 1)). ``C(k + 1) = BLAKE2b-128(C(k) +
canonical rows of window k)``. The chain at next offset n is C(n / 1024) when n is a multiple of 1024, else
``BLAKE2b-128(C(floor(n / 1024)) + canonical rows in [1024 floor(n / 1024), n))``. A window without rows is hashed too.

Canonical row, 98 bytes, big-endian: kind u1 (its code), reason u1, offset i8, timestamp in microseconds i8,
request_id 16, a 16, b 16, sum 16, digest 16.

Equal chains at one offset mean equal prefixes. The state can go on from anywhere: it keeps C of the open window and
the hash of its rows so far.
"""

from dataclasses import dataclass
from typing import Final

from consumer.core.rows import Rows

WINDOW_OFFSETS: Final = 1024
CHAIN_BYTES: Final = 16


@dataclass(frozen=True)
class ChainState:
    """The chain before ``next_offset``. ``closed`` is C of the window that next_offset lies in."""

    next_offset: int
    closed: bytes

    @property
    def value(self) -> bytes:
        """The chain, 16 bytes."""
        raise NotImplementedError

    def advance(self, rows: Rows) -> "ChainState":
        """Return the state after rows, whose offsets strictly increase from at least next_offset."""
        raise NotImplementedError
