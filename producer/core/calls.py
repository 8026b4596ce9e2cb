"""What waits: calls, the attempts that they wait for, and the batch of attempts that one transaction carries.

An `Attempt` is one addition on its way to the log; a `Call` waits for one or many attempts, and an attempt is waited
for by one or many calls. A `Block` is an attempt of many additions that came as columns: they travel together, in one
transaction, and only a call that brings one of their ids again looks at them one by one. Only
`producer.core.call_queue.CallQueue` changes any of them.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import chain
from typing import TypeAlias

import msgspec

from producer.core.addition import Addition
from producer.core.columns import Columns
from producer.core.idempotency import Known
from producer.core.refusals import Refusal
from tally.event import int128


# Structs, not dataclasses: one of each is made for every addition, and C makes it in a third of the time. The collector
# need not look at them (``gc=False``): their cycles are broken when a call leaves the queue.
class Placed(msgspec.Struct, frozen=True, gc=False):
    """Where an addition is committed; ``duplicate``: its id was known or in flight when this call arrived."""

    partition: int
    offset: int
    duplicate: bool


Result: TypeAlias = Placed | Refusal


class Call:
    """One RPC that waits. ``results`` are in the request's order; ``open_count`` of them are still None."""

    __slots__ = ("attempts", "deadline_s", "open_count", "places", "records", "results", "size_bytes", "wake")

    def __init__(self, results: list[Result | None], deadline_s: float, size_bytes: int) -> None:
        self.results = results
        self.deadline_s = deadline_s
        self.size_bytes = size_bytes
        self.records = 0
        self.open_count = 0
        self.attempts: list[InFlight] = []
        self.places: list[int] = []  # of each attempt: its index in the results
        self.wake: object = None  # belongs to the shell: what it waits on


class AttemptStage(Enum):
    """Where an attempt is."""

    QUEUED = "queued"
    IN_HAND = "in hand"
    SETTLED = "settled"


class Waiter(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A call that waits for an attempt; ``place`` is the index of its result, ``row`` the addition's in a block."""

    call: Call
    place: int
    duplicate: bool
    row: int = 0


class Attempt(msgspec.Struct, eq=False, gc=False):
    """One addition on its way. ``offset`` is -1 until it is committed.

    ``waiting`` counts the calls that still wait; ``waiters`` may also hold calls that have left, until they are swept.
    """

    addition: Addition
    partition: int
    waiters: list[Waiter]
    stage: AttemptStage = AttemptStage.QUEUED
    offset: int = -1
    waiting: int = 1

    @property
    def keys(self) -> Sequence[bytes]:
        """The ids."""
        return (self.addition.request_id,)

    def __len__(self) -> int:
        return 1

    def row_of(self, addition: Addition) -> int | None:
        """Return 0, or None if the addition that has this one's id has other operands."""
        return 0 if self.addition == addition else None

    def placed(self, _row: int, *, duplicate: bool) -> Placed:
        """Return where the addition is committed."""
        return Placed(self.partition, self.offset, duplicate)


class Block(msgspec.Struct, eq=False, gc=False):
    """The additions of one request of columns that are on their way through one lane. See `Attempt`.

    ``keys``, ``partitions`` and ``offsets`` are those of the rows; there are no offsets until it is committed.
    """

    columns: Columns
    keys: Sequence[bytes]
    partitions: list[int]
    waiters: list[Waiter]
    stage: AttemptStage = AttemptStage.QUEUED
    offsets: Sequence[int] = ()
    waiting: int = 1
    _rows: dict[bytes, int] = {}

    def __len__(self) -> int:
        return len(self.keys)

    def row_of(self, addition: Addition) -> int | None:
        """Return the row of an addition whose id is here, or None if the row has other operands."""
        if not self._rows:
            self._rows = dict(zip(self.keys, range(len(self)), strict=True))
        row = self._rows[addition.request_id]
        return row if self.columns.addition(row) == addition else None

    def placed(self, row: int, *, duplicate: bool) -> Placed:
        """Return where an addition is committed."""
        return Placed(self.partitions[row], self.offsets[row], duplicate)


InFlight: TypeAlias = Attempt | Block


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one transaction carries: its records are the attempts' and then the blocks', in order."""

    attempts: list[Attempt]
    blocks: Sequence[Block] = ()

    def __len__(self) -> int:
        return len(self.attempts) + sum(map(len, self.blocks))

    def each(self) -> Iterator[InFlight]:
        """Yield the attempts and the blocks."""
        yield from self.attempts
        yield from self.blocks

    def known(self) -> list[tuple[bytes, Known]]:
        """Return what a batch that is committed makes known."""
        pairs: list[tuple[bytes, Known]] = [
            (attempt.addition.request_id, (attempt.addition.a, attempt.addition.b, attempt.offset))
            for attempt in self.attempts
        ]
        for block in self.blocks:
            columns = block.columns
            values = zip(int128.to_ints(columns.a), int128.to_ints(columns.b), block.offsets, strict=True)
            pairs += zip(block.keys, values, strict=True)
        return pairs

    def places(self) -> Iterator[tuple[bytes, int]]:
        """Yield (id, partition) of each record."""
        for attempt in self.attempts:
            yield attempt.addition.request_id, attempt.partition
        yield from chain.from_iterable(zip(block.keys, block.partitions, strict=True) for block in self.blocks)
