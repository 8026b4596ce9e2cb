"""The index of request ids: id -> (first offset, digest of its operands), in memory, over a partition's whole history.

Theory of operation. A rebuildable cache of the ledger, never the truth: opening a ledger fills it from the COUNTED
rows. Two tables: *entries*, dense arrays in the order of the offsets (id, offset, digest: 40 bytes an id), and
*slots*, an open-addressing table of 64-bit words (32 bits of the id's hash, 32 bits of entry number + 1; 0 is empty),
probed by triangular steps, so that every slot is visited. Slots are at least twice as many as ids: 16 to 32 bytes an
id, 56 to 72 in all, and up to a half more in reserve after the entries grew by half.

One thread writes (``insert``, ``lookup_or_insert``); any thread may call ``find``: an entry is written before the slot
that leads to it, and grown tables are swapped in whole. A reader that sees a slot early compares the whole id.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tally.event.partitions import mix, mix_column
from tally.event.rows import Halves, Mask, Offsets

_SLOTS_MIN: Final = 1 << 12
_ENTRIES_MIN: Final = 1 << 11
_ENTRY_BITS: Final = np.uint64(32)
_ENTRY_MASK: Final = np.uint64((1 << 32) - 1)
_ENTRIES_MAX: Final = (1 << 32) - 2
_GROWTH: Final = 1.5

_Positions = NDArray[np.int64]


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
    """The answer for each id of a batch, shape (n,): the first time ever, if not with the same operands, and where.

    Where ``is_new``, ``same_operands`` is true and ``first_offset`` the record's own.
    """

    is_new: Mask
    same_operands: Mask
    first_offset: Offsets


@dataclass(frozen=True)
class _Tables:
    """Arrays that belong together; shape (capacity,) but ``slots``, whose length is a power of two."""

    slots: NDArray[np.uint64]
    hi: Halves
    lo: Halves
    offsets: Offsets
    digest_hi: Halves
    digest_lo: Halves


class IdIndex:
    """See the module's theory of operation."""

    def __init__(self, seed: int = 0) -> None:
        """``seed``: 64 random bits, so that nobody can choose ids that collide."""
        self._seed = np.uint64(seed)
        self._count = 0
        self._tables = _Tables(
            slots=np.zeros(_SLOTS_MIN, np.uint64),
            hi=np.zeros(_ENTRIES_MIN, np.uint64),
            lo=np.zeros(_ENTRIES_MIN, np.uint64),
            offsets=np.zeros(_ENTRIES_MIN, np.int64),
            digest_hi=np.zeros(_ENTRIES_MIN, np.uint64),
            digest_lo=np.zeros(_ENTRIES_MIN, np.uint64),
        )
        self._watermark = (0, bytes(16))

    def __len__(self) -> int:
        """Return the number of ids."""
        return self._count

    @property
    def watermark(self) -> tuple[int, bytes]:
        """(next offset, chain) of the ledger prefix that the index holds."""
        return self._watermark

    def probe(self, hi: Halves, lo: Halves, offsets: Offsets, digest_hi: Halves, digest_lo: Halves) -> Probe:
        """Look a batch up in offset order; an id twice in it is new the first time. Changes nothing."""
        hashes = self._hash(hi, lo)
        entries = self._entries_of(hi, lo, hashes)
        is_new: Mask = entries < 0
        same = np.ones(len(hi), np.bool_)
        first = np.array(offsets, dtype=np.int64)
        known = np.flatnonzero(~is_new)
        if len(known):
            at, tables = entries[known], self._tables
            first[known] = tables.offsets[at]
            same[known] = (tables.digest_hi[at] == digest_hi[known]) & (tables.digest_lo[at] == digest_lo[known])
        new = np.flatnonzero(is_new)
        for later, leader in _repeats(hi[new], lo[new], hashes[new]):
            later, leader = new[later], new[leader]  # noqa: PLW2901 - positions among the new become positions in the batch
            is_new[later] = False
            first[later] = offsets[leader]
            same[later] = (digest_hi[later] == digest_hi[leader]) & (digest_lo[later] == digest_lo[leader])
        return Probe(is_new, same, first)

    def insert(self, additions: Additions, watermark: tuple[int, bytes]) -> None:
        """Add ids that a probe found new. Called once their rows are fsynced."""
        n = len(additions.hi)
        if n:
            self._reserve(self._count + n)
            tables, start, end = self._tables, self._count, self._count + n
            tables.hi[start:end] = additions.hi
            tables.lo[start:end] = additions.lo
            tables.offsets[start:end] = additions.offsets
            tables.digest_hi[start:end] = additions.digest_hi
            tables.digest_lo[start:end] = additions.digest_lo
            _place(tables.slots, self._hash(additions.hi, additions.lo), np.arange(start, end))
            self._count = end
        self._watermark = watermark

    def lookup_or_insert(
        self, hi: Halves, lo: Halves, offsets: Offsets, digest_hi: Halves, digest_lo: Halves
    ) -> tuple[Mask, Mask, Offsets]:
        """Probe and insert what is new; returns (is_new, same_operands, first_offset)."""
        probe = self.probe(hi, lo, offsets, digest_hi, digest_lo)
        new = probe.is_new
        self.insert(Additions(hi[new], lo[new], offsets[new], digest_hi[new], digest_lo[new]), self._watermark)
        return probe.is_new, probe.same_operands, probe.first_offset

    def find(self, request_id: bytes) -> int | None:
        """Return the offset at which an id of 16 bytes was counted, or None. Safe from another thread."""
        hi, lo = int.from_bytes(request_id[:8], "big"), int.from_bytes(request_id[8:], "big")
        tables = self._tables
        slot_mask = len(tables.slots) - 1
        hashed = mix(lo ^ mix(hi ^ int(self._seed)))
        slot, step, tag = hashed & slot_mask, 0, hashed >> 32
        while (word := int(tables.slots[slot])) != 0:
            entry = (word & int(_ENTRY_MASK)) - 1
            if word >> 32 == tag and int(tables.hi[entry]) == hi and int(tables.lo[entry]) == lo:
                return int(tables.offsets[entry])
            step += 1
            slot = (slot + step) & slot_mask
        return None

    def _hash(self, hi: Halves, lo: Halves) -> Halves:
        return mix_column(lo ^ mix_column(hi ^ self._seed))

    def _entries_of(self, hi: Halves, lo: Halves, hashes: Halves) -> _Positions:
        """Return the entry of each id, -1 where there is none; one vectorised round a probe step."""
        tables = self._tables
        slot_mask = np.uint64(len(tables.slots) - 1)
        entries = np.full(len(hi), -1, np.int64)
        pending = np.arange(len(hi))
        slots, tags, step = hashes & slot_mask, hashes >> _ENTRY_BITS, 0
        while len(pending):
            words = tables.slots[slots]
            matching = (words >> _ENTRY_BITS) == tags
            matching &= words != 0
            at = np.flatnonzero(matching)
            going_on = words != 0
            if len(at):
                entry = (words[at] & _ENTRY_MASK).astype(np.int64) - 1
                where = pending[at]
                equal = (tables.hi[entry] == hi[where]) & (tables.lo[entry] == lo[where])
                entries[where[equal]] = entry[equal]
                going_on[at[equal]] = False
            step += 1
            pending, tags = pending[going_on], tags[going_on]
            slots = (slots[going_on] + np.uint64(step)) & slot_mask
        return entries

    def _reserve(self, count: int) -> None:
        """Grow the tables, as copies that are swapped in whole, so that ``count`` ids fit."""
        assert count <= _ENTRIES_MAX, f"{count} ids are more than one index holds"
        old = self._tables
        entries, slots = len(old.hi), old.slots
        if count > entries:
            entries = max(count, int(entries * _GROWTH))
        if count * 2 > len(slots):
            slots = np.zeros(1 << (count * 2 - 1).bit_length(), np.uint64)
            # in the order of the slots: many times faster on a table that is larger than the caches
            hashes = self._hash(old.hi[: self._count], old.lo[: self._count])
            order = np.argsort(hashes & np.uint64(len(slots) - 1))
            _place(slots, hashes[order], order)
        if entries != len(old.hi) or slots is not old.slots:
            columns = (old.hi, old.lo, old.offsets, old.digest_hi, old.digest_lo)
            self._tables = _Tables(slots, *(_grown(column, entries) for column in columns))  # type: ignore[arg-type]


def _grown(column: NDArray[np.generic], length: int) -> NDArray[np.generic]:
    if length == len(column):
        return column
    grown = np.zeros(length, column.dtype)
    grown[: len(column)] = column
    return grown


def _place(slots: NDArray[np.uint64], hashes: Halves, entries: _Positions) -> None:
    """Write one word an entry into empty slots; two that want one slot are told apart by reading it back."""
    slot_mask = np.uint64(len(slots) - 1)
    words = (hashes & ~_ENTRY_MASK) | (entries.astype(np.uint64) + np.uint64(1))
    wanted, step = hashes & slot_mask, 0
    while len(words):
        free = slots[wanted] == 0
        slots[wanted[free]] = words[free]
        waiting = slots[wanted] != words
        step += 1
        words = words[waiting]
        wanted = (wanted[waiting] + np.uint64(step)) & slot_mask


def _repeats(hi: Halves, lo: Halves, hashes: Halves) -> list[tuple[_Positions, _Positions]]:
    """Return [] when all ids are distinct, else one (later positions, position of the first of the same id)."""
    ordered = np.sort(hashes)
    if not (ordered[1:] == ordered[:-1]).any():
        return []
    order = np.lexsort((lo, hi))  # stable: within one id by position
    same = np.zeros(len(order), np.bool_)
    same[1:] = (hi[order][1:] == hi[order][:-1]) & (lo[order][1:] == lo[order][:-1])
    group = np.maximum.accumulate(np.where(same, 0, np.arange(len(order))))
    return [(order[same], order[group[same]])]
