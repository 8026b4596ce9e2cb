"""Builds what counts: the ingest loop, its recovery, and the threads beside it."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from consumer.assembly.kafka import KafkaClients
from consumer.settings import ConsumerSettings
from consumer.shell.ingest.loop import IngestLoop, LoopConfig, Parts
from consumer.shell.ingest.loop_observer import LoopObserver
from consumer.shell.partitions.recovery import PartitionRecovery
from consumer.shell.schemas import Schemas
from consumer.shell.views.board import SnapshotBoard
from consumer.shell.views.readers import Readers
from tally.generated.topics import SUMS
from tally.ledger.storage.disk import RealDisk
from tally.ledger.storage.ledger import Ledger
from tally.registry.configured import registry_of

_JOB_THREADS = SUMS.partitions
"""Recoveries and publications side by side; they wait for Kafka most of the time."""


def ingest_loop(
    settings: ConsumerSettings, kafka: KafkaClients, board: SnapshotBoard, readers: Readers, observer: LoopObserver
) -> IngestLoop:
    """Return the loop, which shows what it counts on the board and lets readers in."""
    schemas = Schemas(registry_of(settings), settings.consumer_schema_denials_ms / 1000)
    recovery = PartitionRecovery(
        facts=kafka.facts,
        offsets=kafka.offsets,
        schemas=schemas,
        sums=kafka.sums,
        dead_letter_facts=kafka.dead_letter_logs,
        dead_letters=kafka.dead_letters,
        settle=kafka.publisher.settle,
        ledger_dir=settings.ledger_dir,
        topic=SUMS.name,
        partitions=SUMS.partitions,
        open_ledger=partial(Ledger.open, disk=RealDisk(observer.synced)),
    )
    parts = Parts(
        source=kafka.source,
        facts=kafka.facts,
        recovery=recovery,
        sums=kafka.sums,
        publisher=kafka.publisher,
        schemas=schemas,
        board=board,
        readers=readers,
        fsyncs=ThreadPoolExecutor(settings.consumer_fsync_threads, thread_name_prefix="fsync"),
        jobs=ThreadPoolExecutor(_JOB_THREADS, thread_name_prefix="job"),
        observer=observer,
    )
    return IngestLoop(parts, LoopConfig(SUMS.partitions, settings.owner_url, settings.consumer_retry_ms / 1000))
