"""When a lane is given what waits for it: at once for a lone call, together for calls that keep coming."""

import asyncio

from aiocache import SimpleMemoryCache  # type: ignore[import-untyped]

from producer.core.addition import Addition
from producer.core.call_queue import Limits
from producer.core.calls import Batch
from producer.core.idempotency import KnownIds
from producer.core.lane_actions import Answer, Committed
from producer.shell.async_call_queue import AsyncCallQueue
from producer.shell.lane_thread import LaneReport
from tests_support.waiting import eventually_async

FOR_EVER_S = 10_000.0


class Lane:
    """A call queue with one lane, whose batches are kept and answered by hand."""

    def __init__(self, gather_s: float = FOR_EVER_S) -> None:
        known = KnownIds(SimpleMemoryCache(timeout=None), SimpleMemoryCache(timeout=None), 10_000)
        limits = Limits(records_max=10_000, bytes_max=10_000_000, batch_records_max=5_000)
        self.queue = AsyncCallQueue(1, limits, known, gather_s)
        self.batches: list[Batch] = []
        self.calls: list[asyncio.Task[object]] = []
        self.queue.open_for_calls(lambda lane, batch: self.batches.append(batch))
        self.queue.on_lane_report(LaneReport(0, (), idle=True))

    def call(self) -> None:
        """Let one more call come."""
        addition = Addition(len(self.calls).to_bytes(16, "big"), 1, 2)
        self.calls.append(asyncio.create_task(self.queue.one(addition, 0, asyncio.get_running_loop().time() + 60, 10)))

    def commit(self) -> None:
        """Answer the last batch; the lane is idle again."""
        batch = self.batches[-1]
        self.queue.on_lane_report(LaneReport(0, (Answer(batch, Committed(range(len(batch.attempts)))),), idle=True))

    async def has(self, batches: int) -> list[int]:
        """Return how many records each batch has, once there are so many batches."""
        await eventually_async(lambda: len(self.batches) >= batches, 5)
        return [len(batch.attempts) for batch in self.batches]

    async def close(self) -> None:
        """Answer whatever waits."""
        await self.queue.close()
        await asyncio.gather(*self.calls)


async def test_a_lone_call_travels_at_once_however_long_a_lane_may_gather() -> None:
    """Calls that follow one another singly are each sent at once, however long the lane may gather."""
    lane = Lane()
    for number in range(1, 4):
        lane.call()
        assert await lane.has(number) == [1] * number
        lane.commit()
        await lane.calls[-1]
    await lane.close()


async def test_calls_that_keep_coming_travel_together() -> None:
    """After a batch a lane waits as long as each turn of the loop brings a call, and then takes them all."""
    lane = Lane()
    lane.call()
    await lane.has(1)
    lane.commit()
    for _ in range(100):
        lane.call()
        await asyncio.sleep(0)
    assert await lane.has(2) == [1, 100]
    await lane.close()


async def test_a_lane_gathers_no_longer_than_it_may() -> None:
    """A lane without time to gather sends each call as soon as it is idle."""
    lane = Lane(gather_s=0.0)
    for number in range(1, 4):
        lane.call()
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(lane.batches) == number
        lane.commit()
    await lane.close()


async def test_enough_records_do_not_wait() -> None:
    """A batch that is large enough is sent at once, though calls keep coming."""
    lane = Lane()
    lane.call()
    await lane.has(1)
    lane.commit()
    while len(lane.batches) < 2:
        lane.call()
        await asyncio.sleep(0)
    assert len(lane.batches[1].attempts) <= 501
    await lane.close()
