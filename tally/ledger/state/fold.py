"""The fold: (state, decoded batch) -> (rows, state). The same topic gives the same rows, for everybody, for ever.

Classification in offset order over the partition's whole history: COUNTED, the first record of its id; DUPLICATE, the
id again with the same operands; CONFLICT, the id again with other operands, not counted; POISON, decided by ``decode``.
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from tally.event.classify import Decoded
from tally.event.codes import CONFLICT, COUNTED, DUPLICATE, NONE, POISON
from tally.event.int128 import halves
from tally.event.rows import Rows
from tally.ledger.state.chain import ChainState
from tally.ledger.state.counts import Counts, counts_of
from tally.ledger.state.id_index import Additions, IdIndex

FOLD_VERSION: Final = 1
"""Pins everything that the rows of a ledger depend on: checks and their order, digests, classification, chain."""


@dataclass(frozen=True)
class LedgerState:
    """What a prefix of the ledger amounts to."""

    next_offset: int
    counts: Counts
    chain: ChainState
    last_timestamp_us: int

    @classmethod
    def empty(cls) -> "LedgerState":
        """Return the state before the first record of the topic."""
        return cls(0, Counts(), ChainState.empty(), 0)

    def advance(self, rows: Rows) -> "LedgerState":
        """Return the state after classified rows; asserts that their offsets strictly increase from next_offset."""
        if len(rows) == 0:
            return self
        offsets = rows["offset"]
        assert offsets[0] >= self.next_offset, f"offset {offsets[0]} is below next offset {self.next_offset}"
        assert (offsets[1:] > offsets[:-1]).all(), "offsets do not strictly increase"
        counts = counts_of(rows)
        chain = self.chain.advance(rows)
        return replace(
            self,
            next_offset=chain.next_offset,
            counts=self.counts + counts,
            chain=chain,
            last_timestamp_us=int(rows["timestamp_us"][-1]),
        )


@dataclass(frozen=True)
class Folded:
    """The rows to append (perhaps none), the state after them, and what to insert into the index after the fsync."""

    rows: Rows
    state: LedgerState
    additions: Additions


def fold(state: LedgerState, decoded: Decoded, index: IdIndex) -> Folded:
    """Classify a batch. Records below ``state.next_offset`` are dropped: the ledger has them. Changes nothing."""
    rows = decoded.rows[decoded.rows["offset"] >= state.next_offset]
    good = rows["reason"] == NONE
    valid = rows if good.all() else rows[good]
    hi, lo = halves(valid["request_id"])
    digest_hi, digest_lo = halves(valid["digest"])
    offsets = np.ascontiguousarray(valid["offset"])
    probe = index.probe(hi, lo, offsets, digest_hi, digest_lo)
    known = np.where(probe.same_operands, np.uint8(DUPLICATE), np.uint8(CONFLICT))
    rows["kind"] = POISON
    rows["kind"][good] = np.where(probe.is_new, np.uint8(COUNTED), known)
    new = probe.is_new
    additions = Additions(hi[new], lo[new], offsets[new], digest_hi[new], digest_lo[new])
    return Folded(rows, state.advance(rows), additions)


def additions_of(rows: Rows) -> Additions:
    """Return what the COUNTED rows of a ledger put into the index."""
    counted = rows[rows["kind"] == COUNTED]
    hi, lo = halves(counted["request_id"])
    digest_hi, digest_lo = halves(counted["digest"])
    return Additions(hi, lo, np.ascontiguousarray(counted["offset"]), digest_hi, digest_lo)
