"""The waiting room: which calls wait for which additions, and what each lane is given next.

Theory of operation
-------------------
An `Attempt` is one addition on its way to the log; a `Call` waits for one or many attempts, and an attempt is waited
for by one or many calls. Both live in the event loop's thread, which is the only one that may touch the room; a lane's
thread only reads the additions of the batch it was given.

    QUEUED  --take-->  IN_HAND  --committed-->  SETTLED
       ^                  |
       +---requeue--------+--not committed, nobody wants it any more--> SETTLED

* The same id with the same operands joins the attempt that is there. An attempt lives as long as any of its callers:
  one caller's cancel or deadline takes only that caller away. A queued attempt without callers is dropped; one in hand
  runs to its end.
* `not-committed` is answered only when the attempt is proven absent and nobody keeps it alive (I11).
* Everything is bounded: an addition of a call counts as one record until the call is settled, joined or not, and the
  request's bytes count likewise.
* A settled attempt stays known by its id until `forget`, so that there is no moment in which a committed id is neither
  in flight nor in the cache.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from typing import Final, TypeAlias

import msgspec

from producer.core import refusals
from producer.core.addition import Addition
from producer.core.idempotency import Known
from producer.core.refusals import Outcome, Refusal


# Structs and not dataclasses: one of each is made for every addition, and C makes it in a third of the time. The
# collector need not look at them (``gc=False``): what cycles there are end when a call leaves the room.
class Placed(msgspec.Struct, frozen=True, gc=False):
    """An addition is committed there; ``duplicate`` when its id was known or in flight as this call arrived."""

    partition: int
    offset: int
    duplicate: bool


Result: TypeAlias = Placed | Refusal
_SWEPT_MIN: Final = 32


class Call:
    """One RPC's wait. ``results`` fill up in the request's order; ``open_count`` of them are still None."""

    __slots__ = ("attempts", "deadline_s", "open_count", "places", "records", "results", "size_bytes", "wake")

    def __init__(self, results: list[Result | None], deadline_s: float, size_bytes: int) -> None:
        self.results = results
        self.deadline_s = deadline_s
        self.size_bytes = size_bytes
        self.records = 0
        self.open_count = 0
        self.attempts: list[Attempt] = []
        self.places: list[int] = []  # in the results, of each of the attempts
        self.wake: object = None  # the shell's: what it waits with


class Stage(Enum):
    """Where an attempt is."""

    QUEUED = "queued"
    IN_HAND = "in hand"
    SETTLED = "settled"


class Waiter(msgspec.Struct, frozen=True, eq=False, gc=False):
    """A call that waits for an attempt, as its result number ``place``."""

    call: Call
    place: int
    duplicate: bool


class Attempt(msgspec.Struct, eq=False, gc=False):
    """One addition on its way. ``offset`` is -1 until it is committed.

    ``waiters``: those of calls that have left are among them until they are more than the ``waiting``.
    """

    addition: Addition
    partition: int
    waiters: list[Waiter]
    stage: Stage = Stage.QUEUED
    offset: int = -1
    waiting: int = 1


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """What one transaction carries."""

    attempts: list[Attempt]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the room, over all lanes; ``batch_records_max`` is one transaction's."""

    records_max: int
    bytes_max: int
    batch_records_max: int
    retry_floor_s: float = 1.0  # less of a caller's time is not enough for a new instance and a commit

    def __post_init__(self) -> None:
        assert self.batch_records_max > 0
        assert self.records_max > 0
        assert self.bytes_max > 0


class WaitingRoom:
    """Calls, attempts and a queue for each lane. Not thread-safe, and no I/O; times are monotonic seconds."""

    def __init__(self, lanes: int, limits: Limits) -> None:
        self._limits = limits
        self._queues: list[dict[bytes, Attempt]] = [{} for _ in range(lanes)]
        self._known: dict[bytes, Attempt] = {}
        self._records = 0
        self._bytes = 0
        self._closed = False

    @property
    def records(self) -> int:
        """Additions that calls wait for."""
        return self._records

    @property
    def queued(self) -> int:
        """Attempts that no lane has taken yet."""
        return sum(map(len, self._queues))

    def refusal(self, records: int, size_bytes: int) -> Refusal | None:
        """Tell whether a call of so many additions and bytes must be refused now."""
        if self._closed:
            return refusals.stopping(Outcome.NOT_COMMITTED)
        if self._records + records > self._limits.records_max:
            return refusals.queue_full(f"{self._records} additions of at most {self._limits.records_max}")
        if self._bytes + size_bytes > self._limits.bytes_max:
            return refusals.queue_full(f"requests of {self._bytes} bytes of at most {self._limits.bytes_max}")
        return None

    def join(
        self,
        call: Call,
        places: Iterable[int],
        additions: Sequence[Addition],
        known: Sequence[Known | None],
        partitions: Sequence[int],
    ) -> None:
        """Let a call wait for additions; those that are known already are answered in its results at once.

        ``places`` are the additions' places in the results, ``known`` what the cache has of each.
        """
        queues, in_room = self._queues, self._known
        lanes = len(queues)
        mine = call.attempts
        for place, addition, seen, partition in zip(places, additions, known, partitions, strict=True):
            request_id = addition.request_id
            attempt = in_room.get(request_id)
            if attempt is not None:
                self._join_attempt(call, place, addition, attempt)
            elif seen is None:
                attempt = Attempt(addition, partition, [Waiter(call, place, False)])
                in_room[request_id] = queues[partition % lanes][request_id] = attempt
                mine.append(attempt)
                call.places.append(place)
            elif seen[0] == addition.a and seen[1] == addition.b:
                call.results[place] = Placed(partition, seen[2], True)
            else:
                call.results[place] = refusals.reused_id()
        call.records = call.open_count = len(mine)
        if call.open_count:
            self._records += call.records
            self._bytes += call.size_bytes

    def _join_attempt(self, call: Call, place: int, addition: Addition, attempt: Attempt) -> None:
        if attempt.addition != addition:
            call.results[place] = refusals.reused_id()
        elif attempt.stage is Stage.SETTLED:
            call.results[place] = Placed(attempt.partition, attempt.offset, True)
        else:
            attempt.waiters.append(Waiter(call, place, True))
            attempt.waiting += 1
            call.attempts.append(attempt)
            call.places.append(place)

    def waiting(self, lane: int) -> int:
        """Return how many attempts a lane has to take."""
        return len(self._queues[lane])

    def take(self, lane: int) -> Batch | None:
        """Give a lane everything that waits for it, up to the batch limit."""
        queue = self._queues[lane]
        if not queue:
            return None
        attempts = list(islice(queue.values(), self._limits.batch_records_max))
        if len(attempts) == len(queue):
            queue.clear()
        else:
            for attempt in attempts:
                del queue[attempt.addition.request_id]
        for attempt in attempts:
            attempt.stage = Stage.IN_HAND
        return Batch(attempts)

    def committed(self, batch: Batch, offsets: Sequence[int]) -> list[Call]:
        """Answer a batch that is in the log; return the calls that are settled by it.

        The ids stay known until `forget(batch)`: remember them in the cache between the two.
        """
        settled: list[Call] = []
        for attempt, offset in zip(batch.attempts, offsets, strict=True):
            attempt.offset = offset
            attempt.stage = Stage.SETTLED
            for waiter in attempt.waiters:
                call = waiter.call
                if not call.open_count:
                    continue  # it has left
                call.results[waiter.place] = Placed(attempt.partition, offset, waiter.duplicate)
                call.open_count -= 1
                if not call.open_count:
                    self._leave_room(call)
                    settled.append(call)
            attempt.waiters.clear()
        return settled

    def forget(self, batch: Batch) -> None:
        """Take the ids of a committed batch out of the room; the cache has them now."""
        for attempt in batch.attempts:
            del self._known[attempt.addition.request_id]

    def not_committed(self, lane: int, batch: Batch, refusal: Refusal, now_s: float, *, retry: bool) -> list[Call]:
        """Queue a batch that is proven absent again, in front and in order; return the calls that are settled.

        An attempt is tried again when ``retry`` and any of its callers has time for it; only otherwise are all of its
        callers answered ``refusal``.
        """
        assert refusal.outcome is Outcome.NOT_COMMITTED
        settled: list[Call] = []
        patience_s = now_s + self._limits.retry_floor_s
        again: dict[bytes, Attempt] = {}
        for attempt in batch.attempts:
            calls = (waiter.call for waiter in attempt.waiters)
            alive = any(call.deadline_s >= patience_s for call in calls if call.open_count)
            if alive and retry and not self._closed:
                attempt.stage = Stage.QUEUED
                again[attempt.addition.request_id] = attempt
            else:
                self._refuse(attempt, refusal, settled)
        self._queues[lane] = again | self._queues[lane]
        return settled

    def unknown(self, batch: Batch, refusal: Refusal) -> list[Call]:
        """Answer a batch of which nothing is known; return the calls that are settled."""
        settled: list[Call] = []
        for attempt in batch.attempts:
            self._refuse(attempt, refusal, settled)
        return settled

    def leave(self, call: Call, now_s: float) -> None:
        """Take a call away that was cancelled or whose deadline passed: what is open is answered DEADLINE_EXCEEDED.

        Its outcome is not-committed where the attempt was never handed to a lane, or was taken back, and nobody else
        waits for it; unknown otherwise.
        """
        if not call.open_count:
            return
        call.open_count = 0
        open_places = [
            (attempt, place)
            for attempt, place in zip(call.attempts, call.places, strict=True)
            if call.results[place] is None
        ]
        for attempt, _ in open_places:
            attempt.waiting -= 1
        for attempt, place in open_places:
            if attempt.stage is Stage.QUEUED and not attempt.waiting:
                self._drop(attempt)
            # What is settled with a place still open was dropped here, for this call's other place perhaps.
            dropped = attempt.stage is Stage.SETTLED
            call.results[place] = refusals.deadline_exceeded(Outcome.NOT_COMMITTED if dropped else Outcome.UNKNOWN)
            _sweep(attempt)
        self._leave_room(call)

    def close(self) -> list[Call]:
        """Refuse everything from now on and answer everything that waits; return the calls that are settled.

        What no lane has taken is dropped; of what is in hand nothing is known to its callers any more.
        """
        self._closed = True
        settled: list[Call] = []
        for attempt in list(self._known.values()):
            if attempt.stage is Stage.QUEUED:
                self._refuse(attempt, refusals.stopping(Outcome.NOT_COMMITTED), settled)
            elif attempt.stage is Stage.IN_HAND:
                self._answer(attempt, refusals.stopping(Outcome.UNKNOWN), settled)
        for queue in self._queues:
            queue.clear()
        return settled

    def _refuse(self, attempt: Attempt, refusal: Refusal, settled: list[Call]) -> None:
        attempt.stage = Stage.SETTLED
        del self._known[attempt.addition.request_id]
        self._answer(attempt, refusal, settled)

    def _answer(self, attempt: Attempt, refusal: Refusal, settled: list[Call]) -> None:
        for waiter in attempt.waiters:
            call = waiter.call
            if not call.open_count:
                continue  # it has left
            call.results[waiter.place] = refusal
            call.open_count -= 1
            if not call.open_count:
                self._leave_room(call)
                settled.append(call)
        attempt.waiters.clear()

    def _drop(self, attempt: Attempt) -> None:
        attempt.stage = Stage.SETTLED
        request_id = attempt.addition.request_id
        del self._known[request_id]
        for queue in self._queues:
            if queue.pop(request_id, None) is not None:
                break

    def _leave_room(self, call: Call) -> None:
        self._records -= call.records
        self._bytes -= call.size_bytes
        call.places.clear()
        call.attempts.clear()  # breaks the cycle call -> attempt -> call, so that no collector is needed


def _sweep(attempt: Attempt) -> None:
    """Let go the waiters of calls that have left, once they are most of them: each is looked at twice at the most."""
    if len(attempt.waiters) > 2 * attempt.waiting + _SWEPT_MIN:
        attempt.waiters = [waiter for waiter in attempt.waiters if waiter.call.open_count]
