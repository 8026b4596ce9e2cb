"""The index of request ids: id -> (first offset, digest of its operands), in memory, over a partition's whole history.

A rebuildable cache of the ledger, never the truth: ``Ledger.open`` fills it from the COUNTED rows.
One thread writes (``insert``); any thread may call ``find``.
"""

from dataclasses import dataclass

from consumer.core.rows import Halves, Mask, Offsets


@dataclass(frozen=True)
class Additions:
    """Ids to insert, each of them new and once; all of shape (n,)."""

    hi: Halves
    lo: Halves
    offsets: Offsets
    digest_hi: Halves
    digest_lo: Halves


@dataclass(frozen=True)
class Probe:
    """The answer for each id of a batch, shape (n,): the first time ever, if not with the same operands, and where."""

    is_new: Mask
    same_operands: Mask
    first_offset: Offsets


class IdIndex:
    """See the module's theory of operation."""

    def __init__(self, seed: int = 0) -> None:
        """``seed``: 64 random bits, so that nobody can choose ids that collide."""
        raise NotImplementedError

    def __len__(self) -> int:
        """Return the number of ids."""
        raise NotImplementedError

    @property
    def bytes_used(self) -> int:
        """The memory of the tables, exactly."""
        raise NotImplementedError

    @property
    def watermark(self) -> tuple[int, bytes]:
        """(next offset, chain) of the ledger prefix that the index holds."""
        raise NotImplementedError

    def probe(self, hi: Halves, lo: Halves, offsets: Offsets, digest_hi: Halves, digest_lo: Halves) -> Probe:
        """Look a batch up in offset order; an id twice in it is new the first time. Changes nothing."""
        raise NotImplementedError

    def insert(self, additions: Additions, watermark: tuple[int, bytes]) -> None:
        """Add ids that a probe found new. Called once their rows are fsynced."""
        raise NotImplementedError

    def lookup_or_insert(
        self, hi: Halves, lo: Halves, offsets: Offsets, digest_hi: Halves, digest_lo: Halves
    ) -> tuple[Mask, Mask, Offsets]:
        """Probe and insert what is new; returns (is_new, same_operands, first_offset)."""
        raise NotImplementedError

    def find(self, request_id: bytes) -> int | None:
        """Return the offset at which an id of 16 bytes was counted, or None. Safe from another thread."""
        raise NotImplementedError
