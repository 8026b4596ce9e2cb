"""Carries out what the decision tables of all partitions say, and keeps what they need: ledgers and jobs.

Theory of operation. The ingest loop's thread is its only user. ``tell`` asks a partition's table what follows from an
event and does it at once. Long work, a job, runs in another thread on a partition that is not read meanwhile; its
outcome is taken as an event in a later round, so that one partition in trouble does not hold up the others. A batch
that was read alone is taken at another step of the round than other outcomes: it goes into the ledger like any other.
"""

import time
from collections.abc import Callable
from typing import assert_never

from loguru import logger

from consumer.core.partition.actions import (
    Action,
    AdmitReaders,
    Close,
    CompareChain,
    EndMember,
    Publish,
    Read,
    ReadAlone,
    Recover,
    StopReading,
    TurnReadersAway,
)
from consumer.core.partition.events import Event, Tick
from consumer.core.partition.job_events import JobEnded
from consumer.core.partition.model import Partition, Rules
from consumer.core.partition.stages import Job, Leaving, Reading, Working
from consumer.core.partition.state import Paused, Recovering, Refused, Running, State, Unassigned, name_of
from consumer.core.partition.table import decide
from consumer.core.partition.views import own
from consumer.core.snapshot import Outside, Snapshot
from consumer.shell.kafka.ports import KafkaPorts
from consumer.shell.partitions.jobs import JobResult, PartitionJobs
from consumer.shell.partitions.open_ledger import OpenLedger
from consumer.shell.views.readers import Readers
from tally.event.classify import Fetched
from tally.kafka.trouble import ConsumerEndedError


class PartitionExecutor:
    """See the module's theory of operation."""

    def __init__(
        self,
        kafka: KafkaPorts,
        jobs: PartitionJobs,
        readers: Readers,
        rules: Rules,
        partitions: int,
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """``partitions`` of the topic are shown."""
        self._kafka = kafka
        self._jobs = jobs
        self._readers = readers
        self._rules = rules
        self._monotonic_s = monotonic_s
        self._shown = range(partitions)
        self._partitions: dict[int, Partition] = {}
        self._ledgers: dict[int, OpenLedger] = {}
        self._assigned = False
        self._version = 0
        self._changed = True

    def __getitem__(self, number: int) -> Partition:
        # A topic may have grown beyond the contract; recovery refuses such partitions like the others.
        return self._partitions.get(number) or Partition(number)

    @property
    def owned(self) -> list[int]:
        """The partitions that are ours."""
        return [n for n, each in self._partitions.items() if not isinstance(each.stage, Unassigned | Leaving)]

    def is_read(self, number: int) -> bool:
        """Tell whether records of it are welcome."""
        return isinstance(self[number].stage, Reading)

    def ledger(self, number: int) -> OpenLedger:
        """Return the open ledger of a partition that is read or written."""
        return self._ledgers[number]

    # -- events ------------------------------------------------------------------------------------------------------

    def tell(self, number: int, event: Event) -> None:
        """Let the table decide, and carry out what it says. Raises ConsumerEndedError."""
        before = self[number]
        after, actions = decide(before, event, self._monotonic_s(), self._rules)
        self._partitions[number] = after
        if before.ledger is not after.ledger or before.position != after.position:
            self._changed = True
        if before.shown != after.shown:
            self._changed = True
            _log(number, before.shown, after.shown)
        for action in actions:
            self._carry_out(number, action)
        if isinstance(after.stage, Leaving) and number not in self._jobs:
            # What comes before a job failed, and the member ended by that: the job never began.
            self.tell(number, JobEnded())

    def look_after(self, waited_s: float, outside: Outside) -> None:
        """Take the outcomes of jobs and let a round be over. Raises LedgerFailed, ConsumerEndedError.

        ``waited_s`` is how long this round waited for records.
        """
        self.take_outcomes()
        for number in self.owned:
            log_end = outside.last_stable.get(number)
            self.tell(number, Tick(waited_s, self._jobs.lone_read_free, outside.topic_id, log_end))

    def take_outcomes(self) -> None:
        """Take what jobs came to, but for batches that were read alone. Raises LedgerFailed, ConsumerEndedError."""
        for number in self._jobs.over():
            if not self._reads_alone(number):
                self._take(number)

    def take_lone_batches(self) -> list[Fetched]:
        """Return what was read alone since the last round, to be taken into the ledger like any other records."""
        results = [self._take(number) for number in self._jobs.over() if self._reads_alone(number)]
        return [each.batch for each in results if each.batch is not None and len(each.batch.offsets)]

    def _reads_alone(self, number: int) -> bool:
        return self[number].stage == Working(Job.LONE_READ)

    def _take(self, number: int) -> JobResult:
        result = self._jobs.take(number)
        if result.ledger is not None:
            self._ledgers[number] = result.ledger
        self.tell(number, JobEnded() if isinstance(self[number].stage, Leaving) else result.event)
        return result

    # -- actions -----------------------------------------------------------------------------------------------------

    def _carry_out(self, number: int, action: Action) -> None:
        match action:
            case Read(next_offset, because):
                if because:
                    logger.warning(
                        "{}: reading begins again; docs/LIMITS.md says what a slow link to Kafka needs", because
                    )
                self._kafka.source.start(number, next_offset)
            case StopReading():
                self._kafka.source.stop([number])
            case Recover(schema_wait):
                self._jobs.recover(number, self._ledgers.get(number), schema_wait)
            case Publish():
                self._jobs.publish(self[number], action)
            case ReadAlone(next_offset):
                self._jobs.read_alone(number, next_offset)
            case CompareChain(replay):
                self.tell(number, self._ledgers[number].compare(replay))
            case AdmitReaders():
                self._readers.put(number, self._ledgers[number].opened)
            case TurnReadersAway():
                self._readers.drop(number)
            case Close():
                self._close(number)
            case EndMember(why):
                raise ConsumerEndedError(why)
            case _:
                assert_never(action)

    def _close(self, number: int) -> None:
        ledger = self._ledgers.pop(number, None)
        if ledger is not None:
            ledger.opened.ledger.close()
        self._kafka.publisher.forget(number)

    # -- the picture -------------------------------------------------------------------------------------------------

    def note_assignment(self) -> None:
        """Take note that the group has given this replica its share, which may be none."""
        self._assigned = self._changed = True

    def new_snapshot(self) -> Snapshot | None:
        """Return a snapshot when there is something new to show."""
        if not self._changed:
            return None
        self._changed = False
        self._version += 1
        return Snapshot(self._version, tuple(own(self[number]) for number in self._shown), self._assigned)


def _log(number: int, before: State, after: State) -> None:
    """Tell of a change, loudly."""
    about = logger.bind(partition=number)
    match after:
        case Refused(reason, cure):
            about.error("REFUSED: {} Cure: {}", reason, cure)
        case Paused(reason, cure):
            about.warning("PAUSED: {}", f"{reason} Cure: {cure}" if cure else reason)
        case Running():
            about.info("RUNNING, after {}", name_of(before))
        case Recovering() | Unassigned():
            about.debug("state: {}", after)
