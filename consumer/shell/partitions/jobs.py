"""A partition's long work, in threads beside the ingest loop: recovery, publication, a batch that is read alone.

Theory of operation. A job works on what it is given and on a ledger that the loop leaves alone until it is done; what
came of it is an event for the partition's table. The loop's thread begins jobs and takes their results.
"""

from concurrent.futures import Executor, Future
from dataclasses import dataclass
from typing import TypeAlias

from consumer.core.partition.actions import Publish
from consumer.core.partition.events import Contradicted
from consumer.core.partition.job_events import (
    LoneBatchRead,
    LoneReadFailed,
    PublicationEvent,
    RecoveryEvent,
)
from consumer.core.partition.model import Partition
from consumer.core.partition.views import witness_of
from consumer.core.publication import Publication
from consumer.core.schema_wait import SchemaWait
from consumer.shell.kafka.ports import Publisher, Records
from consumer.shell.partitions.open_ledger import OpenLedger
from consumer.shell.partitions.recovery import PartitionRecovery
from consumer.shell.schemas import Schemas
from tally.event.classify import Fetched
from tally.kafka.trouble import TOO_LARGE_CURE, KafkaTroubleError, TooLargeAloneError

JobEvent: TypeAlias = RecoveryEvent | PublicationEvent | LoneBatchRead | LoneReadFailed | Contradicted


@dataclass(frozen=True)
class JobResult:
    """What came of a job. ``ledger``: the one that is open after a recovery. ``batch``: what was read alone."""

    event: JobEvent
    ledger: OpenLedger | None = None
    batch: Fetched | None = None


class PartitionJobs:
    """See the module's theory of operation. Each method begins a job and returns at once."""

    def __init__(
        self,
        pool: Executor,
        recovery: PartitionRecovery,
        sums: Records,
        publisher: Publisher,
        schemas: Schemas,
    ) -> None:
        """``pool`` is where jobs run, those of several partitions side by side."""
        self._pool = pool
        self._recovery = recovery
        self._sums = sums
        self._publisher = publisher
        self._schemas = schemas

    def recover(self, number: int, ledger: OpenLedger | None, wait: SchemaWait | None) -> Future[JobResult]:
        """Recover a partition, whose ledger may be open. The future may hold LedgerFailed."""

        return self._pool.submit(lambda: JobResult(*self._recovery.run(number, ledger, wait)))

    def publish(
        self, partition: Partition, asked: Publish, owner_url: str, group_metadata: object
    ) -> Future[JobResult]:
        """Publish a partition's letters together with the offset behind its ledger."""
        assert partition.ledger is not None, "poison was found in a ledger"
        publication = Publication(
            partition=partition.number,
            letters=asked.letters,
            next_offset=asked.next_offset,
            metadata=witness_of(partition, owner_url),
            group_metadata=group_metadata,
            topic_id=partition.ledger.topic_id,
            dead_letter_schema_id=self._schemas.own_here().dead_letters,
        )

        return self._pool.submit(lambda: JobResult(self._publisher.publish(publication)))

    def read_alone(self, number: int, next_offset: int) -> Future[JobResult]:
        """Read a batch that is too large to be read with others. It may take gigabytes."""

        def job() -> JobResult:
            try:
                batch = self._sums.next_alone(number, next_offset)
            except TooLargeAloneError as error:
                return JobResult(Contradicted(str(error), TOO_LARGE_CURE))
            except KafkaTroubleError as error:
                return JobResult(LoneReadFailed(str(error), error.cure))
            return JobResult(LoneBatchRead(found=len(batch.offsets) > 0), batch=batch)

        return self._pool.submit(job)
