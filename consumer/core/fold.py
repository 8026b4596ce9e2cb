"""The fold: (state, decoded batch) -> (rows, state). The same topic gives the same rows, for everybody, for ever.

Classification in offset order over the partition's whole history: COUNTED, the first record of its id; DUPLICATE, the
id again with the same operands; CONFLICT, the id again with other operands, not counted; POISON, decided by ``decode``.
"""

from dataclasses import dataclass
from typing import Final, Protocol

from consumer.core.chain import ChainState
from consumer.core.event import Decoded
from consumer.core.id_index import Additions, Probe
from consumer.core.rows import Halves, Offsets, Rows

FOLD_VERSION: Final = 1
"""Pins everything that the rows of a ledger depend on: checks and their order, digests, classification, chain."""


class IdLookup(Protocol):
    """What the fold asks of the index."""

    def probe(self, hi: Halves, lo: Halves, offsets: Offsets, digest_hi: Halves, digest_lo: Halves) -> Probe:
        """See IdIndex.probe."""
        ...


@dataclass(frozen=True)
class LedgerState:
    """What a prefix of the ledger amounts to. ``total`` is unscaled (times 10**9) and of any size."""

    next_offset: int
    counted: int
    duplicates: int
    conflicts: int
    poison: int
    total: int
    chain: ChainState
    last_timestamp_us: int

    @classmethod
    def empty(cls) -> "LedgerState":
        """Return the state before the first record of the topic."""
        raise NotImplementedError

    def advance(self, rows: Rows) -> "LedgerState":
        """Return the state after classified rows; asserts that their offsets strictly increase from next_offset."""
        raise NotImplementedError


@dataclass(frozen=True)
class Folded:
    """The rows to append (perhaps none), the state after them, and what to insert into the index after the fsync."""

    rows: Rows
    state: LedgerState
    additions: Additions


def fold(state: LedgerState, decoded: Decoded, index: IdLookup) -> Folded:
    """Classify a batch. Records below ``state.next_offset`` are dropped: the ledger has them. Changes nothing."""
    raise NotImplementedError
