"""The composition root: makes every object of the producer."""

from aiocache import SimpleMemoryCache  # type: ignore[import-untyped]

from observability.telemetry import Telemetry
from producer.core.call_queue import Limits
from producer.core.idempotency import KnownIds
from producer.settings import ProducerSettings
from producer.shell.async_call_queue import AsyncCallQueue
from producer.shell.grpc_server import GrpcLimits, GrpcServer
from producer.shell.lanes import Lanes
from producer.shell.methods import TallyMethods
from producer.shell.service import Parts, Service
from producer.shell.startup import Startup
from producer.shell.telemetry import LaneMetrics, observe_state, observed
from producer.shell.traces import Traces
from tally.generated.topics import SUMS
from tally.kafka.config import client_config
from tally.registry.configured import registry_of
from tally.service.descriptors import raise_limit

_QUIET = {"log_level": "0"}
"""For clients whose errors come as exceptions: the client's own lines on standard error would only repeat them."""


def service_of(settings: ProducerSettings) -> Service:
    """Return the producer, to be run in the running event loop. Raises KafkaException, KafkaConfigError, OtlpError."""
    telemetry = Telemetry("producer", settings.producer_replica, settings.trace_ratio, settings.log_level)
    metrics, traces = telemetry.metrics, Traces(telemetry, SUMS.name)
    kafka = client_config(settings.kafka_bootstrap_servers, settings.kafka_config)
    quiet = {**kafka, **_QUIET}
    known = KnownIds(
        SimpleMemoryCache(timeout=None), SimpleMemoryCache(timeout=None), settings.producer_cache_records_max
    )
    limits = Limits(
        records_max=settings.producer_queue_records_max,
        bytes_max=settings.producer_queue_bytes_max,
        batch_records_max=settings.producer_batch_records_max,
    )
    queue = AsyncCallQueue(settings.producer_lanes, limits, known, settings.producer_gather_ms / 1000)
    methods = TallyMethods(queue, SUMS.name, SUMS.partitions, settings.producer_add_batch_max)
    server = GrpcServer(observed(methods.rpcs(), metrics, traces), _grpc_limits(settings))
    startup = Startup(SUMS, registry_of(settings), quiet)
    lanes = Lanes(settings, kafka, quiet, LaneMetrics(metrics, SUMS.name), traces)
    service = Service(settings, Parts(telemetry, known, queue, server, startup, lanes))
    observe_state(
        metrics, settings.producer_lanes, service.lane_available, lambda: service.serving, lambda: queue.waiting
    )
    return service


def _grpc_limits(settings: ProducerSettings) -> GrpcLimits:
    return GrpcLimits(
        message_bytes_max=settings.grpc_message_bytes_max,
        calls_max=settings.grpc_calls_max,
        reading_max=settings.grpc_reading_max,
        # The other half is for Kafka's clients, metrics, telemetry and files.
        connections_max=min(settings.grpc_connections_max, raise_limit() // 2),
    )
