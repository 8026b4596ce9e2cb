"""The desk: between the methods, which await, and the lanes, which are threads.

Theory of operation
-------------------
Everything here runs in the event loop's thread. A call joins the waiting room and awaits one future, whatever the
number of its additions. Lanes that are hungry are fed at the end of the loop's turn, so that calls which arrived
together travel together; under load a lane gathers while calls keep coming, for ``gather_s`` at most (`_ripe`).
A lane's `Post` comes in by `loop.call_soon_threadsafe`: a committed batch frees the lane first (it is fed before
anybody is answered) and answers its calls next.

A committed batch's ids go into the cache of known ids, one call for the batch, and leave the room afterwards.
"""

import asyncio
import math
import time
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from loguru import logger

from producer.core import refusals
from producer.core.addition import Addition
from producer.core.batching import Batch, Call, Limits, Result, WaitingRoom
from producer.core.idempotency import Known, KnownIds
from producer.core.lane_terms import Answer, Committed, NotCommitted, Unknown
from producer.core.refusals import Outcome, Refusal
from producer.shell.lane_thread import Post

if TYPE_CHECKING:
    from loguru import Logger

_IDLE_POLL_S = 0.02
_QUIET_TURNS = 8
"""Turns of the loop without a new call: a tenth of a millisecond. A call needs a few from the socket to here."""
_ENOUGH_RECORDS = 500
"""What each record's own work costs more than the transaction around them."""

Hand = Callable[[int, Batch], None]
"""Gives a lane its next batch."""


class Desk:
    """Lets calls wait for their additions: `open_for_calls` once lanes exist, `stop_accepting`, then `close`."""

    def __init__(
        self, lanes: int, limits: Limits, known: KnownIds, on_report: Callable[[Post], None], gather_s: float
    ) -> None:
        self._room = WaitingRoom(lanes, limits)
        self._known = known
        self._on_report = on_report
        self._hungry = [False] * lanes
        self._gather_s = gather_s
        self._fed_s = [-math.inf] * lanes
        self._quiet_turns = 0
        self._hand: Hand | None = None
        self._why_not = "the producer is starting"
        self._feeding = False
        self._stopping = False
        self._remembering: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Additions that calls wait for."""
        return self._room.records

    def not_ready(self, why: str) -> None:
        """Note why calls are refused until the desk opens."""
        self._why_not = why

    def open_for_calls(self, hand: Hand) -> None:
        """Accept calls from now on."""
        self._hand = hand

    def stop_accepting(self) -> None:
        """Refuse calls from now on; those that wait go on."""
        self._stopping = True

    def refusal(self, records: int, size_bytes: int) -> Refusal | None:
        """Tell whether a call must be refused now."""
        if self._stopping:
            return refusals.stopping(Outcome.NOT_COMMITTED)
        if self._hand is None:
            return refusals.not_ready(self._why_not)
        return self._room.refusal(records, size_bytes)

    async def one(self, addition: Addition, partition: int, deadline_s: float, size_bytes: int) -> Result:
        """Wait for one addition."""
        refusal = self.refusal(1, size_bytes)
        if refusal is not None:
            return refusal
        known = await self._known.find(addition.request_id)
        call = Call([None], deadline_s, size_bytes)
        self._quiet_turns = 0
        self._room.join(call, (0,), (addition,), (known,), (partition,))
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
        self._room.join(call, places, additions, known, partitions)
        if call.open_count:
            await self._settled(call)
        return None

    def on_post(self, post: Post) -> None:
        """Take in what a lane tells."""
        self._hungry[post.lane] |= post.hungry
        for answer in post.answers:
            self._on_answer(post.lane, answer)
        self._feed_later()
        if post.report is not None or post.end is not None:
            self._on_report(post)

    async def idle(self) -> None:
        """Return when nobody waits. For the end of the process: it looks now and then."""
        while self._room.records:
            await asyncio.sleep(_IDLE_POLL_S)

    async def close(self) -> None:
        """Answer whatever waits still and refuse what comes."""
        self._wake(self._room.close())
        if self._remembering:
            await asyncio.wait(self._remembering)

    async def _settled(self, call: Call) -> None:
        """Return when the call has all its results: by its deadline at the latest."""
        self._feed_later()
        loop = asyncio.get_running_loop()
        future = call.wake = loop.create_future()
        timer = loop.call_later(call.deadline_s - time.monotonic(), self._expire, call)
        try:
            await future
        finally:
            timer.cancel()
            self._room.leave(call, time.monotonic())  # nothing, unless the caller is gone

    def _expire(self, call: Call) -> None:
        self._room.leave(call, time.monotonic())
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
                self._feed()
                self._wake(self._room.committed(batch, offsets))
                task = asyncio.create_task(self._remember(batch))
                self._remembering.add(task)
                task.add_done_callback(self._remembering.discard)
            case NotCommitted(cause, fenced):
                refusal = refusals.fenced() if fenced else refusals.aborted(cause)
                settled = self._room.not_committed(lane, batch, refusal, time.monotonic(), retry=not fenced)
                self._wake(settled)
                self._about(lane, batch, settled, cause).warning("transaction aborted")
            case Unknown(cause):
                settled = self._room.unknown(batch, refusals.unresolved(cause))
                self._wake(settled)
                self._about(lane, batch, settled, cause).warning("outcome of a transaction unknown")

    def _about(self, lane: int, batch: Batch, settled: Sequence[Call], cause: str) -> "Logger":
        return logger.bind(lane=lane, records=len(batch.attempts), calls_answered=len(settled), cause=cause)

    async def _remember(self, batch: Batch) -> None:
        try:
            await self._known.remember(
                [
                    (attempt.addition.request_id, (attempt.addition.a, attempt.addition.b, attempt.offset))
                    for attempt in batch.attempts
                ]
            )
        finally:
            self._room.forget(batch)

    def _feed_later(self) -> None:
        """Feed at the end of the loop's turn, when everybody who arrived in it has joined."""
        if not self._feeding and any(map(self._wants, range(len(self._hungry)))):
            self._feeding = True
            asyncio.get_running_loop().call_soon(self._feed_in_turn)

    def _feed_in_turn(self) -> None:
        self._feeding = False
        self._quiet_turns += 1
        self._feed()
        self._feed_later()  # what was not ripe

    def _feed(self) -> None:
        """Give the hungry lanes what is ripe."""
        now_s = time.monotonic()
        for lane in range(len(self._hungry)):
            if self._wants(lane) and self._ripe(lane, now_s):
                batch = self._room.take(lane)
                assert batch is not None
                assert self._hand is not None
                self._hungry[lane] = False
                self._fed_s[lane] = now_s
                self._hand(lane, batch)

    def _wants(self, lane: int) -> bool:
        return self._hungry[lane] and self._room.waiting(lane) > 0

    def _ripe(self, lane: int, now_s: float) -> bool:
        """Tell whether what waits for a lane shall travel now.

        A transaction costs the broker about as much for one record as for fifty. So while calls keep coming a lane
        begins one each ``gather_s`` only; it begins at once when no more of them come, or enough have.
        """
        return (
            now_s >= self._fed_s[lane] + self._gather_s
            or self._quiet_turns >= _QUIET_TURNS
            or self._room.waiting(lane) >= _ENOUGH_RECORDS
        )
