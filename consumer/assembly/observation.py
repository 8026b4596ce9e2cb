"""Builds what observes: the ingest loop's measures and traces, and the look at what other replicas have counted."""

from consumer.assembly.kafka import KafkaClients
from consumer.settings import ConsumerSettings
from consumer.shell.ingest.loop_observer import LoopObserver, LoopObservers
from consumer.shell.ingest.metrics import LoopMetrics
from consumer.shell.views.board import SnapshotBoard
from consumer.shell.views.observer import Observer
from observability.telemetry import Telemetry
from tally.generated.topics import SUMS
from tally.kafka.transactions_tool import TopicAddress


def loop_observer(telemetry: Telemetry) -> LoopObserver:
    """Return what measures the ingest loop, and traces it where traces are sent."""
    measures = LoopMetrics(telemetry.metrics, SUMS.name)
    if not telemetry.traced:
        return measures
    # Imported here: the SDK takes longer than a consumer that was killed needs to count again.
    from consumer.shell.ingest.traces import LoopTraces  # noqa: PLC0415

    return LoopObservers(measures, LoopTraces(telemetry, SUMS.name))


def outside_observer(settings: ConsumerSettings, kafka: KafkaClients, board: SnapshotBoard) -> Observer:
    """Return what shows on the board what Kafka says of all partitions."""
    return Observer(
        kafka.facts,
        kafka.observed_offsets,
        board,
        settings.totals_path,
        partitions=SUMS.partitions,
        refresh_s=settings.consumer_witness_refresh_ms / 1000,
        totals_interval_s=settings.consumer_totals_interval_ms / 1000,
        address=TopicAddress(SUMS.name, settings.kafka_bootstrap_servers),
        foreign_after_s=settings.consumer_foreign_transaction_ms / 1000,
    )
