"""A partition's long work, in threads beside the ingest loop: recovery, publication, a batch that is read alone.

Theory of operation. A job works on what it is given and on a ledger that the loop leaves alone until it is done; what
came of it is an event for the partition's table. The loop's thread begins jobs and takes their results.
"""

from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
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
from consumer.core.partition.stages import Job
from consumer.core.partition.views import witness_of
from consumer.core.publication import Publication
from consumer.core.schema_wait import SchemaWait
from consumer.shell.kafka.ports import KafkaPorts
from consumer.shell.partitions.open_ledger import OpenLedger
from consumer.shell.partitions.recovery import PartitionRecovery
from consumer.shell.schemas import Schemas
from tally.base.deadline import Deadline
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
    """See the module's theory of operation. What begins a job returns at once; there is one a partition."""

    def __init__(
        self, pool: Executor, kafka: KafkaPorts, recovery: PartitionRecovery, schemas: Schemas, owner_url: str
    ) -> None:
        """``pool`` is where jobs run, those of several partitions side by side."""
        self._pool = pool
        self._kafka = kafka
        self._recovery = recovery
        self._schemas = schemas
        self._owner_url = owner_url
        self._running: dict[int, tuple[Job, Future[JobResult]]] = {}

    def look_up_schemas(self) -> None:
        """Ask for our schemas' ids. Whoever needs them asks again, and tells what is wrong."""
        self._pool.submit(self._schemas.own)

    def recover(self, number: int, ledger: OpenLedger | None, wait: SchemaWait | None) -> None:
        """Recover a partition, whose ledger may be open. ``take`` may raise LedgerFailed."""
        self._begin(number, Job.RECOVERY, lambda: JobResult(*self._recovery.run(number, ledger, wait)))

    def publish(self, partition: Partition, asked: Publish) -> None:
        """Publish a partition's letters together with the offset behind its ledger."""
        assert partition.ledger is not None, "poison was found in a ledger"
        publication = Publication(
            partition=partition.number,
            letters=asked.letters,
            next_offset=asked.next_offset,
            metadata=witness_of(partition, self._owner_url),
            group_metadata=self._kafka.source.group_metadata(),
            topic_id=partition.ledger.topic_id,
            dead_letter_schema_id=self._schemas.own_here().dead_letters,
        )
        publisher = self._kafka.publisher
        self._begin(partition.number, Job.PUBLICATION, lambda: JobResult(publisher.publish(publication)))

    def read_alone(self, number: int, next_offset: int) -> None:
        """Read a batch that is too large to be read with others. It may take gigabytes."""

        def job() -> JobResult:
            try:
                batch = self._kafka.sums.next_alone(number, next_offset)
            except TooLargeAloneError as error:
                return JobResult(Contradicted(str(error), TOO_LARGE_CURE))
            except KafkaTroubleError as error:
                return JobResult(LoneReadFailed(str(error), error.cure))
            return JobResult(LoneBatchRead(found=len(batch.offsets) > 0), batch=batch)

        self._begin(number, Job.LONE_READ, job)

    def _begin(self, number: int, job: Job, work: Callable[[], JobResult]) -> None:
        self._running[number] = job, self._pool.submit(work)

    def __contains__(self, number: int) -> bool:
        """Tell whether a partition's job runs or is over and not taken yet."""
        return number in self._running

    @property
    def lone_read_free(self) -> bool:
        """One at a time in the whole process, also of partitions that were given up."""
        return all(job is not Job.LONE_READ for job, _ in self._running.values())

    def over(self) -> list[int]:
        """Return the partitions whose jobs are over."""
        return [number for number, (_, result) in self._running.items() if result.done()]

    def take(self, number: int) -> JobResult:
        """Return what came of a job that is over. Raises LedgerFailed."""
        _, result = self._running.pop(number)
        return result.result()

    def wait(self, deadline: Deadline) -> None:
        """Return when no job runs any more, or the deadline has passed."""
        wait([result for _, result in self._running.values()], timeout=deadline.left_s())
