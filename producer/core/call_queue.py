"""The call queue: which calls wait for which additions, and what each lane is given next.

Theory of operation
-------------------
Calls and attempts live in the event loop's thread, which is the only one that may touch the queue; a lane's thread only
reads the additions of the batch it was given.

    QUEUED  --take-->  IN_HAND  --committed-->  SETTLED
       ^                  |
       +---requeue--------+--not committed, and nobody wants it any more--> SETTLED

* A call with the same id and the same operands joins the attempt that is already there. An attempt lives as long as any
  of its callers: a cancellation or a deadline removes only its own caller. A queued attempt without callers is dropped;
  one in hand runs to its end.
* `not-committed` is answered only when the attempt is proven absent and nobody keeps it alive (I11).
* Everything is bounded: each addition of a call counts as one record until the call is settled, whether it joined an
  attempt or started one, and the bytes of the request count likewise.
* A settled attempt stays known by its id until `forget`, so that at every moment a committed id is either in flight or
  in the cache.
* The new additions of a request of columns wait as blocks, each of which is one attempt here: queued, in hand, settled,
  given up and tried again as a whole. It stands in its lane's queue under its first id.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from producer.core import refusals
from producer.core.addition import Addition
from producer.core.calls import Attempt, AttemptStage, Batch, Block, Call, InFlight, Placed, Waiter
from producer.core.columns import Columns, RowNumbers, first_seen
from producer.core.idempotency import Known
from producer.core.refusals import Outcome, Refusal

_SWEPT_MIN: Final = 32


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of the queue over all lanes; ``batch_records_max`` bounds one transaction."""

    records_max: int
    bytes_max: int
    batch_records_max: int
    retry_floor_s: float = 1.0  # with less time left, a caller cannot wait for a new instance and a commit

    def __post_init__(self) -> None:
        assert self.batch_records_max > 0
        assert self.records_max > 0
        assert self.bytes_max > 0


class Part(NamedTuple):
    """Rows of a request of columns that have one result: those of a block, or the one row that has a result alone."""

    rows: RowNumbers | tuple[int]
    block: Block | None

    def of(self, rows: RowNumbers) -> "Part":
        """Return the same of a request whose valid rows are ``rows``."""
        return Part(rows[np.asarray(self.rows)], self.block)


class CallQueue:
    """Calls, attempts, and a queue for each lane. Not thread-safe; no I/O; times are monotonic seconds."""

    def __init__(self, lanes: int, limits: Limits) -> None:
        self._limits = limits
        self._queues: list[dict[bytes, InFlight]] = [{} for _ in range(lanes)]
        self._more_rows = [0] * lanes  # that wait beyond one for each attempt
        self._known: dict[bytes, InFlight] = {}
        self._records = 0
        self._bytes = 0
        self._closed = False

    @property
    def records(self) -> int:
        """The number of additions that calls wait for."""
        return self._records

    def refusal(self, records: int, size_bytes: int) -> Refusal | None:
        """Return why a call of this size must be refused now, or None."""
        if self._closed:
            return refusals.stopping(Outcome.NOT_COMMITTED)
        if self._records + records > self._limits.records_max:
            return refusals.queue_full(f"{self._records} additions; the limit is {self._limits.records_max}")
        if self._bytes + size_bytes > self._limits.bytes_max:
            return refusals.queue_full(f"requests of {self._bytes} bytes; the limit is {self._limits.bytes_max}")
        return None

    def join(
        self,
        call: Call,
        places: Iterable[int],
        additions: Sequence[Addition],
        known: Sequence[Known | None],
        partitions: Sequence[int],
    ) -> None:
        """Let a call wait for additions; those that are already known are answered in its results at once.

        ``places`` are the additions' indexes in the results, ``known`` is what the cache holds of each.
        """
        queues, in_flight = self._queues, self._known
        lanes = len(queues)
        mine, before = call.attempts, len(call.attempts)
        for place, addition, seen, partition in zip(places, additions, known, partitions, strict=True):
            request_id = addition.request_id
            attempt = in_flight.get(request_id)
            if attempt is not None:
                self._join_attempt(call, place, addition, attempt)
            elif seen is None:
                attempt = Attempt(addition, partition, [Waiter(call, place, False)])
                in_flight[request_id] = queues[partition % lanes][request_id] = attempt
                mine.append(attempt)
                call.places.append(place)
            elif seen[0] == addition.a and seen[1] == addition.b:
                call.results[place] = Placed(partition, seen[2], True)
            else:
                call.results[place] = refusals.reused_id()
        self._enter(call, len(call.attempts) - before)

    def join_columns(
        self,
        call: Call,
        columns: Columns,
        keys: Sequence[bytes],
        known: Sequence[Known | None],
        partitions: NDArray[np.int64],
    ) -> list[Part]:
        """Let a call wait for columns. Return the rows of each result that this adds to the call's, in order.

        ``keys`` and ``partitions`` are those of each row, ``known`` is what the cache holds of each.
        """
        new, others = first_seen(keys, known, self._known)
        lanes, size = len(self._queues), self._limits.batch_records_max
        by_lane = [(lane, new[partitions[new] % lanes == lane]) for lane in range(lanes)]
        parts = [
            Part(some, self._enqueue(call, lane, _block(columns, keys, partitions, some)))
            for lane, rows in by_lane
            for some in (rows[at : at + size] for at in range(0, len(rows), size))
        ]
        self._enter(call, len(new))
        if others:
            places = range(len(call.results), len(call.results) + len(others))
            call.results += [None] * len(others)
            additions = [columns.addition(row) for row in others]
            self.join(call, places, additions, [known[row] for row in others], partitions[others].tolist())
            parts += [Part((row,), None) for row in others]
        return parts

    def _enqueue(self, call: Call, lane: int, block: Block) -> Block:
        block.waiters.append(Waiter(call, len(call.results), False))
        self._known.update(dict.fromkeys(block.keys, block))
        self._queues[lane][block.keys[0]] = block
        self._more_rows[lane] += len(block) - 1
        call.attempts.append(block)
        call.places.append(len(call.results))
        call.results.append(None)
        return block

    def _join_attempt(self, call: Call, place: int, addition: Addition, attempt: InFlight) -> None:
        row = attempt.row_of(addition)
        if row is None:
            call.results[place] = refusals.reused_id()
        elif attempt.stage is AttemptStage.SETTLED:
            call.results[place] = attempt.placed(row, duplicate=True)
        else:
            attempt.waiters.append(Waiter(call, place, True, row))
            attempt.waiting += 1
            call.attempts.append(attempt)
            call.places.append(place)

    def _enter(self, call: Call, records: int) -> None:
        """Count so many more additions that a call waits for."""
        if records and not call.records:
            self._bytes += call.size_bytes
        self._records += records
        call.records += records
        call.open_count = len(call.attempts)

    def waiting(self, lane: int) -> int:
        """Return how many additions wait for a lane."""
        return len(self._queues[lane]) + self._more_rows[lane]

    def take(self, lane: int) -> Batch | None:
        """Give a lane everything that waits for it, up to the batch limit, or None when nothing does."""
        queue = self._queues[lane]
        if not queue:
            return None
        taken = list(islice(queue.values(), self._limits.batch_records_max))
        if self._more_rows[lane]:
            taken = _fitting(taken, self._limits.batch_records_max)
            self._more_rows[lane] -= sum(map(len, taken)) - len(taken)
        if len(taken) == len(queue):
            queue.clear()
        else:
            for attempt in taken:
                del queue[attempt.keys[0]]
        for attempt in taken:
            attempt.stage = AttemptStage.IN_HAND
        return Batch(
            [each for each in taken if isinstance(each, Attempt)], [each for each in taken if isinstance(each, Block)]
        )

    def committed(self, batch: Batch, offsets: Sequence[int]) -> list[Call]:
        """Answer a batch that is in the log; return the calls that this settles.

        The ids stay known until `forget(batch)`: put them into the cache between the two.
        """
        settled: list[Call] = []
        assert len(offsets) == len(batch)
        for attempt, offset in zip(batch.attempts, offsets, strict=False):
            attempt.offset = offset
            attempt.stage = AttemptStage.SETTLED
            self._answer(attempt, None, settled)
        at = len(batch.attempts)
        for block in batch.blocks:
            block.offsets = offsets[at : at + len(block)]
            block.stage = AttemptStage.SETTLED
            self._answer(block, None, settled)
            at += len(block)
        return settled

    def forget(self, batch: Batch) -> None:
        """Remove the ids of a committed batch; the cache has them now."""
        for attempt in batch.attempts:
            del self._known[attempt.addition.request_id]
        for block in batch.blocks:
            self._forget_ids(block)

    def not_committed(self, lane: int, batch: Batch, refusal: Refusal, now_s: float, *, retry: bool) -> list[Call]:
        """Requeue a batch that is proven absent, in front and in order; return the calls that this settles.

        An attempt is tried again if ``retry`` is set and any of its callers has enough time left; otherwise all of its
        callers are answered with ``refusal``.
        """
        assert refusal.outcome is Outcome.NOT_COMMITTED
        settled: list[Call] = []
        patience_s = now_s + self._limits.retry_floor_s
        again: dict[bytes, InFlight] = {}
        for attempt in batch.each():
            calls = (waiter.call for waiter in attempt.waiters)
            alive = any(call.deadline_s >= patience_s for call in calls if call.open_count)
            if alive and retry and not self._closed:
                attempt.stage = AttemptStage.QUEUED
                again[attempt.keys[0]] = attempt
                self._more_rows[lane] += len(attempt) - 1
            else:
                self._refuse(attempt, refusal, settled)
        self._queues[lane] = again | self._queues[lane]
        return settled

    def unknown(self, batch: Batch, refusal: Refusal) -> list[Call]:
        """Answer a batch whose outcome is unknown; return the calls that this settles."""
        settled: list[Call] = []
        for attempt in batch.each():
            self._refuse(attempt, refusal, settled)
        return settled

    def leave(self, call: Call) -> None:
        """Remove a call that was cancelled or whose deadline passed: its open results become DEADLINE_EXCEEDED.

        The outcome is not-committed where no lane holds the attempt and nobody else waits for it; otherwise unknown.
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
            if attempt.stage is AttemptStage.QUEUED and not attempt.waiting:
                self._drop(attempt)
            # Settled although this place is open: the attempt was dropped here, perhaps for another place of the call.
            dropped = attempt.stage is AttemptStage.SETTLED
            call.results[place] = refusals.deadline_exceeded(Outcome.NOT_COMMITTED if dropped else Outcome.UNKNOWN)
            _sweep(attempt)
        self._leave_queue(call)

    def close(self) -> list[Call]:
        """Refuse everything from now on and answer everything that waits; return the calls that this settles.

        What no lane has taken is dropped; the outcome of what is in hand is unknown to its callers.
        """
        self._closed = True
        settled: list[Call] = []
        for attempt in list(self._known.values()):
            if attempt.stage is AttemptStage.QUEUED:
                self._refuse(attempt, refusals.stopping(Outcome.NOT_COMMITTED), settled)
            elif attempt.stage is AttemptStage.IN_HAND:
                self._answer(attempt, refusals.stopping(Outcome.UNKNOWN), settled)
        for queue in self._queues:
            queue.clear()
        self._more_rows = [0] * len(self._queues)
        return settled

    def _refuse(self, attempt: InFlight, refusal: Refusal, settled: list[Call]) -> None:
        attempt.stage = AttemptStage.SETTLED
        self._forget_ids(attempt)
        self._answer(attempt, refusal, settled)

    def _forget_ids(self, attempt: InFlight) -> None:
        for request_id in attempt.keys:
            del self._known[request_id]

    def _answer(self, attempt: InFlight, refusal: Refusal | None, settled: list[Call]) -> None:
        """Give those who wait for an attempt a refusal, or else its place in the log."""
        for waiter in attempt.waiters:
            call = waiter.call
            if not call.open_count:
                continue  # it has left
            call.results[waiter.place] = refusal or attempt.placed(waiter.row, duplicate=waiter.duplicate)
            call.open_count -= 1
            if not call.open_count:
                self._leave_queue(call)
                settled.append(call)
        attempt.waiters.clear()

    def _drop(self, attempt: InFlight) -> None:
        attempt.stage = AttemptStage.SETTLED
        self._forget_ids(attempt)
        for lane, queue in enumerate(self._queues):
            if queue.pop(attempt.keys[0], None) is not None:
                self._more_rows[lane] -= len(attempt) - 1
                break

    def _leave_queue(self, call: Call) -> None:
        self._records -= call.records
        self._bytes -= call.size_bytes
        call.places.clear()
        call.attempts.clear()  # breaks the cycle call -> attempt -> call, so that the collector is not needed


def _block(columns: Columns, keys: Sequence[bytes], partitions: NDArray[np.int64], rows: RowNumbers) -> Block:
    """Return some rows of columns as a block."""
    some = columns.rows(rows)
    return Block(some, keys if some is columns else some.keys(), partitions[rows].tolist(), [])


def _fitting(attempts: Sequence[InFlight], records_max: int) -> list[InFlight]:
    """Return the first ones, as many as have at most ``records_max`` records; no block is larger than that."""
    fitting: list[InFlight] = []
    for attempt in attempts:
        records_max -= len(attempt)
        if records_max < 0:
            break
        fitting.append(attempt)
    return fitting


def _sweep(attempt: InFlight) -> None:
    """Drop the waiters of calls that have left once they are the majority: each is looked at twice at most."""
    if len(attempt.waiters) > 2 * attempt.waiting + _SWEPT_MIN:
        attempt.waiters = [waiter for waiter in attempt.waiters if waiter.call.open_count]
