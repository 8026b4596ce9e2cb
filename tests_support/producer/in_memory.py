"""The producer without gRPC and Kafka: methods, call queue and lane threads on the fake broker."""

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from aiocache import SimpleMemoryCache  # type: ignore[import-untyped]

from loadtests.traffic.columns import columns_request_of
from producer.core.call_queue import Limits
from producer.core.calls import Batch
from producer.core.idempotency import KnownIds
from producer.core.lane import Rules
from producer.core.ports import Incoming
from producer.core.refusals import Refusal
from producer.shell.async_call_queue import AsyncCallQueue
from producer.shell.event_encoder import EventEncoder
from producer.shell.lane_thread import LaneReport, LaneThread
from producer.shell.methods import TallyMethods
from tally.client.outcomes import Addition
from tally.event.partitions import partition_of
from tally.generated.tally.v1.tally_pb2 import AddColumnsRequest, AddColumnsResponse, AddRequest, AddResponse
from tests_support.kafka.broker import Broker
from tests_support.kafka.transactions import FakeTransactions
from tests_support.waiting import eventually_async

LANES = 2
PARTITIONS = 12
RULES = Rules(
    commit_limit_s=0.2,
    commit_slice_s=0.1,
    resolve_limit_s=2.0,
    fence_delay_s=0.01,
    backoff_first_s=0.001,
    backoff_max_s=0.01,
)
LIMITS = Limits(records_max=50, bytes_max=100_000, batch_records_max=20, retry_floor_s=0.5)


class ProducerInMemory:
    """The producer without gRPC and Kafka."""

    def __init__(self, kafka: Broker, replica: str = "0", limits: Limits = LIMITS) -> None:
        self.kafka = kafka
        self.reports: list[LaneReport] = []
        known = KnownIds(SimpleMemoryCache(timeout=None), SimpleMemoryCache(timeout=None), 100)
        self.queue = AsyncCallQueue(LANES, limits, known, 0.001)
        self.methods = TallyMethods(self.queue, "sums", PARTITIONS, 30)
        self.clients = [FakeTransactions(kafka, f"{replica}-{number}") for number in range(LANES)]
        loop = asyncio.get_running_loop()
        send = partial(_send, loop, self._receive)
        self.lanes = [
            LaneThread(number, client, EventEncoder(1), send, RULES) for number, client in enumerate(self.clients)
        ]

    def start(self) -> None:
        """Start the lanes and accept calls."""
        self.queue.open_for_calls(self.hand)
        for lane in self.lanes:
            lane.start()

    def _receive(self, report: LaneReport) -> None:
        self.reports.append(report)
        self.queue.on_lane_report(report)

    def hand(self, lane: int, batch: Batch) -> None:
        """Give a lane its next batch; without a started lane, calls wait."""
        self.lanes[lane].inbox.put(batch)

    def fault(self, *names: str) -> None:
        """Let every lane meet these faults, one after another."""
        for client in self.clients:
            client.faults.queue = deque(names)

    async def add(self, request: AddRequest, remaining_s: float | None = 5.0) -> AddResponse | Refusal:
        """Call Add."""
        return await self.methods.add(Incoming(request, remaining_s, dict))

    async def add_columns(
        self, rows: Sequence[AddRequest], remaining_s: float | None = 20.0
    ) -> AddColumnsResponse | Refusal:
        """Call AddColumns."""
        return await self.methods.add_columns(Incoming(columns_of(rows), remaining_s, dict))

    def count_of(self, request: AddRequest) -> int:
        """Return how often an id stands in the log, read_committed."""
        key = uuid.UUID(request.request_id).bytes
        return [entry.key for entry in self.kafka.read_committed(partition_of(key, PARTITIONS))].count(key)

    async def stop(self) -> None:
        """Answer everything and end the lanes."""
        await self.queue.close()
        for lane in self.lanes:
            lane.stop()
        for lane in self.lanes:
            assert await asyncio.to_thread(lane.join, 5.0)


def _send(loop: asyncio.AbstractEventLoop, receive: Callable[[LaneReport], None], report: LaneReport) -> None:
    loop.call_soon_threadsafe(receive, report)


@asynccontextmanager
async def running(kafka: Broker | None = None, limits: Limits = LIMITS) -> AsyncIterator[ProducerInMemory]:
    """Run a producer."""
    producer = ProducerInMemory(kafka or Broker(), limits=limits)
    producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


def request(a: str = "2", b: str = "40.5", request_id: str | None = None) -> AddRequest:
    """Return a request of Add, under a new id unless one is given."""
    return AddRequest(request_id=request_id or str(uuid.uuid4()), a=a, b=b)


def column(values: Iterable[int]) -> bytes:
    """Return unscaled numbers in 16 bytes each."""
    return b"".join(value.to_bytes(16, "big", signed=True) for value in values)


def columns_of(rows: Sequence[AddRequest]) -> AddColumnsRequest:
    """Return requests as columns."""
    return columns_request_of([Addition(row.request_id, row.a, row.b) for row in rows])


async def until(condition: Callable[[], bool]) -> None:
    """Wait on a condition that the lanes' threads make true."""
    await eventually_async(condition, 5)
