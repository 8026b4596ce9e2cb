"""What waits: calls, the attempts that they wait for, and the batch of attempts that one transaction carries.

An `Attempt` is one addition on its way to the log; a `Call` waits for one or many attempts, and an attempt is waited
for by one or many calls. Only `producer.core.call_queue.CallQueue` changes them.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

import msgspec

from producer.core.addition import Addition
from producer.core.refusals import Refusal


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
        self.attempts: list[Attempt] = []
        self.places: list[int] = []  # of each attempt: its index in the results
        self.wake: object = None  # belongs to the shell: what it waits on


class AttemptStage(Enum):
    """Where an attempt is."""

    QUEUED = "queued"
    IN_HAND = "in hand"
    SETTLED = "settled"


class Waiter(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A call that waits for an attempt; ``place`` is the index of its result."""

    call: Call
    place: int
    duplicate: bool


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


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one transaction carries."""

    attempts: list[Attempt]
