"""The call queue for coroutines: between the methods, which await, and the lanes, which are threads.

Theory of operation
-------------------
Everything here runs in the event loop's thread. A call joins the queue and awaits one future, whatever the number of
its additions. Idle lanes get their batches at the end of the loop's turn, so that calls which arrived together travel
together; under load a lane gathers while calls keep coming, for ``gather_s`` at most (see `_due`).
A `LaneReport` comes in by `loop.call_soon_threadsafe`: a committed batch frees its lane first (the lane gets its next
batch before anybody is answered) and answers its calls next.

The ids of a committed batch go into the cache of known ids, in one call for the batch, and leave the queue afterwards.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from loguru import logger
from numpy.typing import NDArray

from producer.core import refusals
from producer.core.addition import Addition
from producer.core.call_queue import CallQueue, Limits, Part
from producer.core.calls import Batch, Call, Result
from producer.core.columns import Columns
from producer.core.idempotency import Known, KnownIds
from producer.core.lane_actions import Answer, Committed, NotCommitted, Unknown
from producer.core.refusals import Outcome, Refusal
from producer.shell.lane_thread import LaneReport

if TYPE_CHECKING:
    from loguru import Logger

_DRAIN_POLL_S = 0.02
_QUIET_TURNS = 8
"""Turns of the loop without a new call: a tenth of a millisecond. A call needs a few from the socket to here."""
_ENOUGH_RECORDS = 500
"""From here on, the work for each record costs more than the transaction around them."""

Dispatch = Callable[[int, Batch], None]
"""Gives a lane its next batch."""


class AsyncCallQueue:
    """Lets calls wait for their additions: `open_for_calls` once lanes exist, `stop_accepting`, then `close`."""

    def __init__(self, lanes: int, limits: Limits, known: KnownIds, gather_s: float) -> None:
        self._queue = CallQueue(lanes, limits)
        self._known = known
        self._idle = [False] * lanes
        self._gather_s = gather_s
        self._dispatched_s = [-math.inf] * lanes
        self._quiet_turns = 0
        self._dispatch_to: Dispatch | None = None
        self._why_closed = "the producer is starting"
        self._dispatching = False
        self._stopping = False
        self._remembering: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """The number of additions that calls wait for."""
        return self._queue.records

    def not_ready(self, why: str) -> None:
        """Set the reason that calls are refused with until the queue opens."""
        self._why_closed = why

    def open_for_calls(self, dispatch_to: Dispatch) -> None:
        """Accept calls from now on."""
        self._dispatch_to = dispatch_to

    def stop_accepting(self) -> None:
        """Refuse calls from now on; those that wait go on."""
        self._stopping = True

    def refusal(self, records: int, size_bytes: int) -> Refusal | None:
        """Return why a call of this size must be refused now, or None."""
        if self._stopping:
            return refusals.stopping(Outcome.NOT_COMMITTED)
        if self._dispatch_to is None:
            return refusals.not_ready(self._why_closed)
        return self._queue.refusal(records, size_bytes)

    async def one(self, addition: Addition, partition: int, deadline_s: float, size_bytes: int) -> Result:
        """Wait for one addition."""
        refusal = self.refusal(1, size_bytes)
        if refusal is not None:
            return refusal
        known = await self._known.find(addition.request_id)
        call = Call([None], deadline_s, size_bytes)
        self._quiet_turns = 0
        self._queue.join(call, (0,), (addition,), (known,), (partition,))
        if call.open_count:
            await self._settled(call)
        result = call.results[0]
        assert result is not None, "a settled call has all its results"
        return result

    async def many(
        self, call: Call, places: Iterable[int], additions: Sequence[Addition], partitions: Sequence[int]
    ) -> Refusal | None:
        """Wait for many additions, which fill their ``places`` in the call's results, or refuse them all."""
        refusal = self.refusal(len(additions), call.size_bytes)
        if refusal is not None:
            return refusal
        known: Sequence[Known | None] = await self._known.find_all([addition.request_id for addition in additions])
        self._quiet_turns = 0
        self._queue.join(call, places, additions, known, partitions)
        if call.open_count:
            await self._settled(call)
        return None

    async def columns(self, call: Call, columns: Columns, partitions: NDArray[np.int64]) -> list[Part] | Refusal:
        """Wait for columns, or refuse them all. Return the rows of each result that the call gets more, in order."""
        refusal = self.refusal(len(columns), call.size_bytes)
        if refusal is not None:
            return refusal
        keys = columns.keys()
        known: Sequence[Known | None] = await self._known.find_all(keys)
        self._quiet_turns = 0
        parts = self._queue.join_columns(call, columns, keys, known, partitions)
        if call.open_count:
            await self._settled(call)
        return parts

    def on_lane_report(self, report: LaneReport) -> None:
        """Take in the answers of a lane, and whether it is idle."""
        self._idle[report.lane] |= report.idle
        for answer in report.answers:
            self._on_answer(report.lane, answer)
        self._dispatch_later()

    async def drained(self) -> None:
        """Return when nobody waits. Used only at the end of the process, so it polls."""
        while self._queue.records:
            await asyncio.sleep(_DRAIN_POLL_S)

    async def close(self) -> None:
        """Answer whatever still waits, and refuse what comes."""
        self._wake(self._queue.close())
        if self._remembering:
            await asyncio.wait(self._remembering)

    async def _settled(self, call: Call) -> None:
        """Return when the call has all its results, by its deadline at the latest."""
        self._dispatch_later()
        loop = asyncio.get_running_loop()
        future = call.wake = loop.create_future()
        timer = loop.call_later(call.deadline_s - time.monotonic(), self._expire, call)
        try:
            await future
        finally:
            timer.cancel()
            self._queue.leave(call)  # does nothing unless the caller is gone

    def _expire(self, call: Call) -> None:
        self._queue.leave(call)
        self._wake([call])

    def _wake(self, calls: Iterable[Call]) -> None:
        for call in calls:
            future = call.wake
            assert isinstance(future, asyncio.Future)
            if not future.done():
                future.set_result(None)

    def _on_answer(self, lane: int, answer: Answer) -> None:
        batch = answer.batch
        match answer.verdict:
            case Committed(offsets):
                self._dispatch()
                self._wake(self._queue.committed(batch, offsets))
                task = asyncio.create_task(self._remember(batch))
                self._remembering.add(task)
                task.add_done_callback(self._remembering.discard)
            case NotCommitted(cause, fenced):
                refusal = refusals.fenced() if fenced else refusals.aborted(cause)
                settled = self._queue.not_committed(lane, batch, refusal, time.monotonic(), retry=not fenced)
                self._wake(settled)
                self._log_of(lane, batch, settled, cause).warning("transaction aborted")
            case Unknown(cause):
                settled = self._queue.unknown(batch, refusals.unresolved(cause))
                self._wake(settled)
                self._log_of(lane, batch, settled, cause).warning("outcome of a transaction unknown")

    def _log_of(self, lane: int, batch: Batch, settled: Sequence[Call], cause: str) -> "Logger":
        return logger.bind(lane=lane, records=len(batch), calls_answered=len(settled), cause=cause)

    async def _remember(self, batch: Batch) -> None:
        try:
            await self._known.remember(batch.known())
        finally:
            self._queue.forget(batch)

    def _dispatch_later(self) -> None:
        """Dispatch at the end of the loop's turn, when everybody who arrived in it has joined."""
        if not self._dispatching and any(map(self._wants, range(len(self._idle)))):
            self._dispatching = True
            asyncio.get_running_loop().call_soon(self._dispatch_in_turn)

    def _dispatch_in_turn(self) -> None:
        self._dispatching = False
        self._quiet_turns += 1
        self._dispatch()
        self._dispatch_later()  # what was not due

    def _dispatch(self) -> None:
        """Give the idle lanes what is due."""
        now_s = time.monotonic()
        for lane in range(len(self._idle)):
            if self._wants(lane) and self._due(lane, now_s):
                batch = self._queue.take(lane)
                assert batch is not None
                assert self._dispatch_to is not None
                self._idle[lane] = False
                self._dispatched_s[lane] = now_s
                self._dispatch_to(lane, batch)

    def _wants(self, lane: int) -> bool:
        return self._idle[lane] and self._queue.waiting(lane) > 0

    def _due(self, lane: int, now_s: float) -> bool:
        """Tell whether what waits for a lane is to travel now.

        A transaction costs the broker about as much for one record as for fifty. So while calls keep coming, a lane
        begins one only every ``gather_s``; it begins at once when no more of them come or when enough have come.
        """
        return (
            now_s >= self._dispatched_s[lane] + self._gather_s
            or self._quiet_turns >= _QUIET_TURNS
            or self._queue.waiting(lane) >= _ENOUGH_RECORDS
        )
