"""A producer as a process of its own beside a stack's Kafka and registry, and what an independent reader sees."""

import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
from confluent_kafka import Consumer, TopicPartition
from google.rpc import error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]

from stack import Stack
from tally.generated.tally.v1 import tally_pb2
from tests_support.producer.blocking_stub import BlockingStub, blocking_stub
from tests_support.running.service_process import ServiceProcess, free_port
from tests_support.waiting import eventually

SERVICE = "tally.v1.TallyService"
SUMS = "tally.sums.v1"
PARTITIONS = 12


class ProducerProcess(ServiceProcess):
    """One producer on a port of its own."""

    def __init__(
        self,
        stack: Stack,
        folder: Path,
        environment: Mapping[str, str] | None = None,
        *,
        prefix: Sequence[str] = (),
    ) -> None:
        self.metrics_port = free_port()
        settings = {
            "TALLY_GRPC_PORT": str(free_port()),
            "TALLY_PRODUCER_METRICS_PORT": str(self.metrics_port),
            **(environment or {}),
        }
        self.port = int(settings["TALLY_GRPC_PORT"])
        everything = {**stack.environment(), **settings}
        super().__init__("producer", folder, everything, log_name=f"producer-{self.port}", prefix=prefix)
        self.channel = grpc.insecure_channel(self.target, options=[("grpc.enable_http_proxy", 0)])

    @property
    def target(self) -> str:
        """Return its address, host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def service(self) -> BlockingStub:
        """Return the service's stub."""
        return blocking_stub(self.channel)

    def health(self) -> str:
        """Return the service's health, or why there is no answer."""
        stub = health_pb2_grpc.HealthStub(self.channel)
        try:
            status = stub.Check(health_pb2.HealthCheckRequest(service=SERVICE), timeout=2, wait_for_ready=True).status
        except grpc.RpcError as error:
            return str(error.code().name)
        return str(health_pb2.HealthCheckResponse.ServingStatus.Name(status))

    def wait_ready(self, timeout_s: float = 60.0) -> "ProducerProcess":
        """Return when the health is SERVING."""
        eventually(
            lambda: self.health() == "SERVING", timeout_s, lambda: f"the producer serves; its log:\n{self.text()}"
        )
        return self

    def end(self) -> None:
        """Kill what is left."""
        self.channel.close()
        super().end()


@contextmanager
def producers(stack: Stack, folder: Path) -> Iterator["ProducerFactory"]:
    """Yield a factory of producers; all of them are ended, whatever happened."""
    factory = ProducerFactory(stack, folder)
    try:
        yield factory
    finally:
        for one in factory.started:
            one.end()


class ProducerFactory:
    """Starts producers with settings of their own, and a replica's name that nobody else has."""

    def __init__(self, stack: Stack, folder: Path) -> None:
        self._stack = stack
        self._folder = folder
        self.started: list[ProducerProcess] = []

    def start(self, **settings: object) -> ProducerProcess:
        """Start one: ``start(producer_lanes=2)`` sets TALLY_PRODUCER_LANES."""
        environment = {"TALLY_PRODUCER_REPLICA": f"test-{uuid.uuid4().hex[:8]}"}
        environment |= {f"TALLY_{key.upper()}": str(value) for key, value in settings.items()}
        one = ProducerProcess(self._stack, self._folder, environment)
        self.started.append(one)
        return one


def addition(a: str = "2", b: str = "40.5", request_id: str | None = None) -> tally_pb2.AddRequest:
    """Return a request, with a fresh id unless given."""
    return tally_pb2.AddRequest(request_id=request_id or str(uuid.uuid4()), a=a, b=b)


def outcome_of(error: Any) -> tuple[str, str, float | None]:
    """Return (reason, outcome, seconds to retry after) of an error's details."""
    metadata: dict[str, Any] = dict(error.trailing_metadata() or ())
    status = status_pb2.Status.FromString(metadata["grpc-status-details-bin"])
    info, retry = error_details_pb2.ErrorInfo(), error_details_pb2.RetryInfo()
    delay_s = None
    for detail in status.details:
        detail.Unpack(info)
        if detail.Unpack(retry):
            delay_s = retry.retry_delay.ToTimedelta().total_seconds()
    return info.reason, info.metadata["outcome"], delay_s


def log_ends(base: Mapping[str, Any]) -> dict[int, int]:
    """Return each partition's end, open transactions included, by partition of the sums."""
    consumer = Consumer({**base, "isolation.level": "read_uncommitted"})
    try:
        places = [TopicPartition(SUMS, partition) for partition in range(PARTITIONS)]
        return {place.partition: consumer.get_watermark_offsets(place, 30)[1] for place in places}
    finally:
        consumer.close()


def committed(bootstrap_servers: str, timeout_s: float = 60.0) -> list[tuple[int, int, bytes, bytes]]:
    """Return (partition, offset, key, value) of every committed record of the sums, by an independent reader.

    It reads up to the log's end as it was at the call. Whatever is open before that must be decided first: a killed
    producer's transaction hides what others committed behind it until the broker aborts it, or its owner is back.
    """
    base = {"bootstrap.servers": bootstrap_servers, "group.id": "test-reader", "enable.auto.commit": False}
    ends = log_ends(base)
    consumer = Consumer({**base, "isolation.level": "read_committed", "enable.partition.eof": True})
    found: list[tuple[int, int, bytes, bytes]] = []
    at_end: set[int] = set()

    def read() -> bool:
        for message in consumer.consume(1000, 0.1):
            partition, offset = message.partition(), message.offset()
            assert partition is not None
            assert offset is not None
            if not message.error():
                found.append((partition, offset, bytes(message.key() or b""), bytes(message.value() or b"")))
            elif offset >= ends[partition]:
                at_end.add(partition)
        return len(at_end) == PARTITIONS

    try:
        consumer.assign([TopicPartition(SUMS, partition, 0) for partition in range(PARTITIONS)])
        eventually(read, timeout_s, "the whole topic is read", interval_s=0.0)
    finally:
        consumer.close()
    return found


def first_operands(records: Sequence[tuple[int, int, bytes, bytes]]) -> dict[str, bytes]:
    """Return the operands that count, by id: those of the id's first record."""
    first: dict[str, bytes] = {}
    for _, _, key, value in sorted(records):
        first.setdefault(str(uuid.UUID(bytes=key)), value[21:53])
    return first
