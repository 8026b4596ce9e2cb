"""The composition root: builds every object of the consumer."""

from typing import TYPE_CHECKING

from consumer.assembly.ingest import ingest_loop
from consumer.assembly.kafka import kafka_clients
from consumer.assembly.observation import loop_observer, outside_observer
from consumer.rest.connections.limits import ConnectionLimits, connections_within
from consumer.service import Service
from consumer.settings import ConsumerSettings
from consumer.shell.ingest.metrics import observe_board
from consumer.shell.jobs.record import AuditRecord, ExportRecord
from consumer.shell.jobs.store import JobLimits, JobStore
from consumer.shell.views.board import SnapshotBoard
from consumer.shell.views.readers import Readers
from consumer.shell.views.readiness import Readiness
from observability.telemetry import Telemetry
from tally.generated.topics import SUMS

if TYPE_CHECKING:
    from consumer.assembly.rest import RestServer


def build(settings: ConsumerSettings, descriptors_max: int) -> Service:
    """Return the consumer; nothing is connected yet but Kafka's clients.

    ``descriptors_max`` is how many files and connections the process may have open. Raises KafkaException, OSError,
    OtlpError, DescriptorsError.
    """
    connections = ConnectionLimits(
        connections_max=connections_within(descriptors_max, settings.rest_connections_max),
        head_timeout_s=settings.rest_head_timeout_ms / 1000,
        idle_timeout_s=settings.rest_idle_timeout_ms / 1000,
    )
    telemetry = Telemetry("consumer", settings.consumer_replica, settings.trace_ratio, settings.log_level)
    board = SnapshotBoard(SUMS.partitions, settings.rest_waiters_max)
    readers = Readers()
    kafka = kafka_clients(settings)
    loop = ingest_loop(settings, kafka, board, readers, loop_observer(telemetry))
    observer = outside_observer(settings, kafka, board)
    readiness = Readiness(board, kafka.source, observer)
    export_limits = JobLimits(settings.exports_kept_max, settings.exports_queued_max)
    exports = JobStore(settings.exports_dir, ExportRecord, "exports", export_limits)
    audit_limits = JobLimits(settings.audits_kept_max, settings.audits_queued_max)
    audits = JobStore(settings.audits_dir, AuditRecord, "audits", audit_limits)
    observe_board(telemetry.metrics, board, readiness.reasons)

    def rest() -> "RestServer":
        # Imported here, with counting under way in its thread: Litestar takes half a second.
        from consumer.assembly.rest import rest_server  # noqa: PLC0415

        return rest_server(
            settings,
            telemetry,
            connections,
            board=board,
            readers=readers,
            readiness=readiness,
            exports=exports,
            audits=audits,
        )

    return Service(
        settings,
        telemetry,
        ingest=loop,
        observer=observer,
        readiness=readiness,
        make_rest=rest,
        closes=(exports.close, audits.close),
    )
