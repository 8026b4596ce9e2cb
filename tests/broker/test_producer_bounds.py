"""What strangers can take of a producer: its memory and descriptors stay bounded, and healthy calls are answered."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

import grpc
import psutil
import pytest

from stack import Stack
from tally.generated.tally.v1.tally_pb2 import AddBatchRequest
from tally.service.descriptors import raise_limit
from tests_support.producer.http2_frames import (
    END_HEADERS,
    HEADERS,
    RawConnection,
    call_headers,
    frame,
    message_frame,
)
from tests_support.producer.process import ProducerFactory, ProducerProcess, addition, outcome_of, producers
from tests_support.running.stacks import temporary_folder
from tests_support.waiting import eventually, pause

MESSAGE_BYTES = 4 * 1024 * 1024
MORE_MB_MAX = 300
"""What docs/LIMITS.md says that strangers can make a producer take on top of what it has without them."""
BACK_S = 90.0
"""Free memory is given back at one look in six in any case, each 5 s after the one before."""
HALF_SENT = 200
SILENT = 1_200
FEW_DESCRIPTORS = ("sh", "-c", 'ulimit -n 1024 && exec "$@"', "sh")
ADD, ADD_BATCH, CHECK = "/tally.v1.TallyService/Add", "/tally.v1.TallyService/AddBatch", "/grpc.health.v1.Health/Check"
ADD_COLUMNS = "/tally.v1.TallyService/AddColumns"
WATCH, REFLECT = "/grpc.health.v1.Health/Watch", "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"


@pytest.fixture(scope="module")
def factory(kafka_stack: Stack) -> Iterator[ProducerFactory]:
    """Producers beside the shared Kafka."""
    with temporary_folder() as folder, producers(kafka_stack, folder) as made:
        yield made


@pytest.fixture(scope="module")
def producer(factory: ProducerFactory) -> ProducerProcess:
    """One producer for all that is sent to it."""
    return factory.start().wait_ready()


class Memory:
    """Samples the memory of a process while a ``with`` block runs."""

    def __init__(self, pid: int) -> None:
        self._process = psutil.Process(pid)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self.before = self.peak = self.now()

    def now(self) -> int:
        """Return the resident bytes."""
        return int(self._process.memory_info().rss)

    @property
    def more_mb(self) -> float:
        """Return by how much the memory grew at most, in MB."""
        return (self.peak - self.before) / 1e6

    def _sample(self) -> None:
        while not self._over.wait(0.02):
            self.peak = max(self.peak, self.now())

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()


def wait_back(memory: Memory) -> None:
    """Return when the process has about the memory that it had before."""
    eventually(
        lambda: memory.now() < memory.before * 1.2, BACK_S, lambda: f"the memory is back: {memory.now() / 1e6} MB"
    )


def send_half(port: int, path: str) -> RawConnection:
    """Send all but the end of the largest message, as far as the server lets it come."""
    connection = RawConnection(port)
    connection.begin(frame(HEADERS, END_HEADERS, 1, call_headers(path)))
    connection.push(1, message_frame(bytes(MESSAGE_BYTES - 1), length=MESSAGE_BYTES), 1.0)
    return connection


@pytest.mark.parametrize(
    "path", [ADD, ADD_BATCH, ADD_COLUMNS, CHECK, WATCH, REFLECT], ids=lambda path: path.rsplit("/")[-1]
)
def test_half_sent_messages_take_bounded_memory_and_healthy_calls_are_answered(
    producer: ProducerProcess, path: str
) -> None:
    """While 200 clients hold back the end of a message of 4 MiB, memory stays bounded and calls are answered."""
    with ExitStack() as opened, Memory(producer.process.pid) as memory, ThreadPoolExecutor(HALF_SENT) as pool:
        sending = [pool.submit(send_half, producer.port, path) for _ in range(HALF_SENT)]
        pause(0.2)
        for _ in range(10):
            assert producer.service.Add(addition(), timeout=30).sum == "42.5"
        for each in sending:
            opened.enter_context(each.result())
    print(f"{path}: {memory.before / 1e6:.0f} MB, and {memory.more_mb:.0f} MB more")
    assert memory.more_mb < MORE_MB_MAX
    wait_back(memory)


def test_batches_of_two_million_empty_additions_take_bounded_memory(producer: ProducerProcess) -> None:
    """Twelve batches of 4 MB of empty additions at a time are refused as too large, in bounded memory."""
    with grpc.insecure_channel(producer.target) as channel, Memory(producer.process.pid) as memory:
        call: Any = channel.unary_unary(ADD_BATCH, response_deserializer=AddBatchRequest.FromString)

        def send(_: int) -> tuple[str, str]:
            with pytest.raises(grpc.RpcError) as refused:
                call(b"\x0a\x00" * 2_000_000, timeout=60)
            return outcome_of(refused.value)[:2]

        with ThreadPoolExecutor(12) as pool:
            outcomes = set(pool.map(send, range(24)))
    print(f"{memory.before / 1e6:.0f} MB, and {memory.more_mb:.0f} MB more")
    wait_back(memory)
    assert outcomes == {("BATCH_TOO_LARGE", "not-committed")}
    assert memory.more_mb < MORE_MB_MAX


def test_silent_connections_beyond_the_limit_of_descriptors_do_not_stop_the_service(
    kafka_stack: Stack, factory: ProducerFactory
) -> None:
    """With 1,024 descriptors, 1,200 clients that say nothing leave old clients served and new ones served soon."""
    if raise_limit() < 2 * SILENT:
        pytest.skip(f"the hard limit of open files is below {2 * SILENT}: this test itself holds {SILENT} connections")
    with temporary_folder() as folder, ExitStack() as opened:
        environment = {"TALLY_PRODUCER_REPLICA": "few-descriptors"}
        producer = ProducerProcess(kafka_stack, folder, environment, prefix=FEW_DESCRIPTORS)
        opened.callback(producer.end)
        producer.wait_ready()
        process = psutil.Process(producer.process.pid)
        for _ in range(SILENT):
            opened.enter_context(socket.create_connection(("127.0.0.1", producer.port)))
        assert producer.service.Add(addition(), timeout=30).sum == "42.5"
        assert process.num_fds() < 700
        with grpc.insecure_channel(producer.target, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            grpc.channel_ready_future(channel).result(30)
        eventually(lambda: process.num_fds() < 200, 30, "silent connections are closed")
        assert "Too many open files" not in producer.text()
