"""Builds what counts: the ingest loop, its recovery, and the threads beside it."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

from consumer.core.partition.model import Rules
from consumer.settings import ConsumerSettings
from consumer.shell.ingest.loop import IngestLoop, LoopConfig, Parts
from consumer.shell.ingest.loop_observer import LoopObserver
from consumer.shell.kafka.ports import KafkaPorts
from consumer.shell.kafka.source import ANSWER_LIMIT_S
from consumer.shell.partitions.executor import PartitionExecutor
from consumer.shell.partitions.jobs import PartitionJobs
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
    settings: ConsumerSettings, kafka: KafkaPorts, board: SnapshotBoard, readers: Readers, observer: LoopObserver
) -> IngestLoop:
    """Return the loop, which shows what it counts on the board and lets readers in."""
    schemas = Schemas(registry_of(settings), settings.consumer_schema_denials_ms / 1000)
    recovery = PartitionRecovery(
        kafka,
        schemas,
        settings.ledger_dir,
        topic=SUMS.name,
        partitions=SUMS.partitions,
        open_ledger=partial(Ledger.open, disk=RealDisk(observer.synced)),
    )
    pool = ThreadPoolExecutor(_JOB_THREADS, thread_name_prefix="job")
    jobs = PartitionJobs(pool, kafka, recovery, schemas, settings.owner_url)
    retry_s = settings.consumer_retry_ms / 1000
    # A stall is longer than an answer with records may be on its way over a slow link.
    rules = Rules(retry_s, stall_s=ANSWER_LIMIT_S + 2.0)
    parts = Parts(
        kafka=kafka,
        partitions=PartitionExecutor(kafka, jobs, readers, rules, SUMS.partitions),
        jobs=jobs,
        schemas=schemas,
        board=board,
        fsyncs=ThreadPoolExecutor(settings.consumer_fsync_threads, thread_name_prefix="fsync"),
        observer=observer,
    )
    return IngestLoop(parts, LoopConfig(SUMS.partitions, settings.owner_url, retry_s))
