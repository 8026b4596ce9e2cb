"""Gathering single additions into batches, as the service's own group commit does.

Theory of operation. Callers put additions into one queue. While fewer than ``batches_in_flight`` batches are under
way, whatever waits is taken at the next turn of the event loop and sent as one batch, so an idle client sends at once
and a busy one gathers by itself; there is no timer. The queue is bounded: who finds it full waits for room.

States of an addition: WAITING (for room) -> QUEUED -> IN FLIGHT -> settled. A caller that is cancelled stops waiting;
its addition, once queued, goes on and its outcome is dropped. ``close`` takes no new additions and waits for those
under way, which the retry policy's deadline bounds. All of it belongs to one event loop.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence

from tally.client.outcomes import Addition, Outcome
from tally.client.usage import CLOSED, ClientUseError

Settle = Callable[[Sequence[Addition]], Awaitable[Sequence[Outcome]]]


class Gatherer:
    """Sends additions through ``settle`` in batches of at most ``batch_max``."""

    def __init__(self, settle: Settle, *, batch_max: int, batches_in_flight: int) -> None:
        assert batch_max >= 1
        assert batches_in_flight >= 1
        self._settle = settle
        self._batch_max = batch_max
        self._batches_in_flight = batches_in_flight
        # As much again may wait as can fly: a full batch is ready whenever one comes back.
        self._room = asyncio.Semaphore(2 * batch_max * batches_in_flight)
        self._queue: deque[tuple[Addition, asyncio.Future[Outcome]]] = deque()
        self._flights: set[asyncio.Task[None]] = set()
        self._wake_up: asyncio.Handle | None = None
        self._closed = False

    async def add(self, addition: Addition) -> Outcome:
        """Return the addition's outcome. Raises ClientUseError after ``close``."""
        await self._room.acquire()
        if self._closed:
            self._room.release()
            raise ClientUseError(CLOSED)
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._queue.append((addition, future))
        self._wake()
        return await future

    async def close(self) -> None:
        """Wait until everything under way is settled."""
        self._closed = True
        while self._queue or self._flights:
            self._launch()
            await asyncio.wait(self._flights, return_when=asyncio.FIRST_COMPLETED)

    def _wake(self) -> None:
        if self._wake_up is None and self._queue and len(self._flights) < self._batches_in_flight:
            self._wake_up = asyncio.get_running_loop().call_soon(self._launch)

    def _launch(self) -> None:
        self._wake_up = None
        while self._queue and len(self._flights) < self._batches_in_flight:
            batch = [self._queue.popleft() for _ in range(min(len(self._queue), self._batch_max))]
            flight = asyncio.get_running_loop().create_task(self._fly(batch))
            self._flights.add(flight)
            flight.add_done_callback(self._land)

    async def _fly(self, batch: list[tuple[Addition, asyncio.Future[Outcome]]]) -> None:
        try:
            outcomes = await self._settle([addition for addition, _ in batch])
            for (_, future), outcome in zip(batch, outcomes, strict=True):
                if not future.done():
                    future.set_result(outcome)
        except BaseException as error:
            for _, future in batch:
                if future.done():
                    continue
                if isinstance(error, Exception):
                    future.set_exception(error)
                else:
                    future.cancel()
            raise
        finally:
            for _ in batch:
                self._room.release()

    def _land(self, flight: asyncio.Task[None]) -> None:
        self._flights.discard(flight)
        if not flight.cancelled():
            flight.exception()  # the callers have it
        self._wake()
