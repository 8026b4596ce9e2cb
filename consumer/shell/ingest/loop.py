"""The ingest loop: fetch, prove, classify, append and fsync, publish, commit.

Theory of operation. One thread runs ``run`` and is the only one that tells partitions what happened. A round of it is
``round``, whose steps are numbered. What follows from what happened is the partition's table to decide and the
executor's to carry out; what takes long runs in threads of its own.

What ends the loop: ``stop``; a LedgerFailed, after which nobody may trust the page cache; a ConsumerEndedError that
soon follows another.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import Final

from loguru import logger

from consumer.core.partition.events import (
    Appended,
    Assigned,
    BatchTooLarge,
    EndReached,
    NoRoom,
    OutOfRange,
    ReadFailed,
    Released,
    TopicReplaced,
)
from consumer.shell.ingest import blocks
from consumer.shell.ingest.commits import Commits
from consumer.shell.ingest.loop_observer import LoopObserver
from consumer.shell.ingest.pending_block import PendingBlock
from consumer.shell.kafka.ports import Fetch, KafkaPorts, Ownership
from consumer.shell.partitions.executor import PartitionExecutor
from consumer.shell.partitions.jobs import PartitionJobs
from consumer.shell.schemas import Schemas
from consumer.shell.views.board import SnapshotBoard
from tally.base.deadline import Deadline
from tally.base.fault_points import point
from tally.event.classify import Fetched
from tally.kafka.trouble import ConsumerEndedError, KafkaTroubleError

_REJOIN_APART_S: Final = 300.0
_AFTER_FETCH, _BEFORE_APPEND = point("consumer.after_fetch"), point("consumer.before_append")


@dataclass(frozen=True)
class LoopConfig:
    """``partitions`` of the topic; ``owner_url`` goes into the witness."""

    partitions: int
    owner_url: str
    retry_s: float


@dataclass(frozen=True)
class Parts:
    """What the loop works with. ``fsyncs`` write ledgers side by side."""

    kafka: KafkaPorts
    partitions: PartitionExecutor
    jobs: PartitionJobs
    schemas: Schemas
    board: SnapshotBoard
    fsyncs: Executor
    monotonic_s: Callable[[], float] = time.monotonic
    observer: LoopObserver = field(default_factory=LoopObserver)


class IngestLoop:
    """See the module's theory of operation."""

    def __init__(self, parts: Parts, config: LoopConfig) -> None:
        self._parts = parts
        self._config = config
        self._partitions = parts.partitions
        self._commits = Commits(
            source=parts.kafka.source,
            partitions=parts.partitions,
            owner_url=config.owner_url,
            retry_s=config.retry_s,
            monotonic_s=parts.monotonic_s,
            observer=parts.observer,
        )
        self._stopping = threading.Event()
        self._deadline: Deadline | None = None  # of a stop
        self._rejoined_at_s = -_REJOIN_APART_S
        self._late_commit = False

    def stop(self, deadline: Deadline) -> None:
        """Ask the loop to drain by the deadline and end. Any thread."""
        self._deadline = deadline
        self._stopping.set()

    def run(self) -> None:
        """Run until stopped. Raises LedgerFailed, ConsumerEndedError."""
        self._parts.jobs.look_up_schemas()  # while the group is joined
        self.begin()
        while not self._stopping.is_set():
            try:
                self.round()
            except ConsumerEndedError as error:
                self.rejoin(error)
        assert self._deadline is not None, "only `stop` ends the rounds"
        self.drain(self._deadline)

    def rejoin(self, error: ConsumerEndedError) -> None:
        """Go on as a new member after a while, once in five minutes. Raises the error the second time: of two replicas
        with one name one must end."""
        now_s = self._parts.monotonic_s()
        if now_s - self._rejoined_at_s < _REJOIN_APART_S:
            raise error
        self._rejoined_at_s = now_s
        logger.error("{}; joining the group again once", error)
        self._stopping.wait(self._config.retry_s)
        self._begin_again()

    def _begin_again(self) -> None:
        self._parts.kafka.source.reopen()
        self._commits.expect_no_answer()
        self._late_commit = False
        if kept := self._partitions.owned:
            self._on_released(kept, True)

    def begin(self) -> None:
        """Join the group."""
        self._parts.kafka.source.subscribe(Ownership(self._on_assigned, self._on_released, self._commits.answered))

    def round(self) -> None:
        """Take what is there from the topic into the ledgers. Once ``begin`` was called."""
        # 1. fetch; callbacks of the group run in here
        self._parts.observer.fetching()
        fetch = self._parts.kafka.source.fetch()
        self._parts.observer.fetched(fetch)
        if self._late_commit:
            # A commit was on its way when the group gave our partitions away. librdkafka would send it again under the
            # old member's name, and the broker would fence our own replica for that (seen after a broker's restart).
            logger.info("joining the group as a new member, since a commit was on its way when partitions were lost")
            self._begin_again()
            return
        if self._commits.overdue:
            # librdkafka joins no new generation of the group before it has the answer, however long that takes.
            logger.warning("joining the group as a new member, since Kafka has not answered a commit")
            self._begin_again()
            return
        if fetch.batches:
            _AFTER_FETCH()
        # 2. ask which topic it is NOW: ids never return, so the answer proves where the records came from
        alone = self._partitions.take_lone_batches()
        batches = self._proven([*(each for each in fetch.batches if self._partitions.is_read(each.partition)), *alone])
        # 3. decode and classify
        prepared = [block for batch in batches if (block := self._prepared(batch)) is not None]
        # 4. append and fsync, several partitions side by side
        if prepared:
            _BEFORE_APPEND()
        written = blocks.write(prepared, self._parts.fsyncs, self._parts.observer)
        self._note_written(prepared, written)
        # 5. look after what is not counting, and show the new picture
        self._note_what_stops(fetch)
        self._partitions.look_after(fetch.waited_s, self._parts.board.outside)
        self._publish_snapshot()
        # 6. commit what is durable, with the witness
        self._commits.send()

    def _proven(self, batches: list[Fetched]) -> list[Fetched]:
        """Return the batches whose ledger belongs to the topic as it is now."""
        if not batches:
            return []
        try:
            topic_id = self._parts.kafka.facts.topic().topic_id
        except KafkaTroubleError as error:
            for batch in batches:
                self._partitions.tell(batch.partition, ReadFailed(str(error), error.cure))
            return []
        proven = []
        for batch in batches:
            if self._partitions.ledger(batch.partition).identity.topic_id == topic_id:
                proven.append(batch)
            else:
                self._partitions.tell(batch.partition, TopicReplaced())
        return proven

    def _prepared(self, batch: Fetched) -> PendingBlock | None:
        number = batch.partition
        partition, ledger = self._partitions[number], self._partitions.ledger(number)
        prepared = blocks.prepare(partition, ledger, batch, self._parts.schemas, self._config.partitions)
        if isinstance(prepared, PendingBlock):
            return prepared
        self._partitions.tell(number, prepared)
        return None

    def _note_written(self, prepared: list[PendingBlock], written: list[Appended | NoRoom]) -> None:
        """Take note of what is durable; a partition without room is fetched again later."""
        outcomes = list(zip(prepared, written, strict=True))
        self._parts.observer.written([block for block, outcome in outcomes if isinstance(outcome, Appended)])
        for block, outcome in outcomes:
            if isinstance(outcome, NoRoom):
                trouble = self._partitions[block.partition].trouble
                if trouble is None or trouble.reason != outcome.reason:
                    logger.bind(partition=block.partition).error("the ledger takes no more: {}", outcome.reason)
            self._partitions.tell(block.partition, outcome)

    def _note_what_stops(self, fetch: Fetch) -> None:
        """What stands before it is in the ledger, so reading stops right there, or at the log's end."""
        for number in fetch.out_of_range:
            self._partitions.tell(number, OutOfRange())
        for number in fetch.too_large:
            self._partitions.tell(number, BatchTooLarge())
        for number, (reason, cure) in fetch.unreadable.items():
            self._partitions.tell(number, ReadFailed(reason, cure))
        for number, position in fetch.ends.items():
            self._partitions.tell(number, EndReached(position))

    def _on_assigned(self, partitions: list[int]) -> None:
        logger.info("assigned partitions {}", sorted(partitions))
        self._partitions.note_assignment()
        for number in partitions:
            self._partitions.tell(number, Assigned())

    def _on_released(self, partitions: list[int], lost: bool) -> None:
        """Finish with partitions that are given up: a commit of what is durable is sent, unless others own it
        already."""
        logger.info("{} partitions {}", "lost" if lost else "giving up", sorted(partitions))
        if lost:
            self._late_commit = self._late_commit or self._commits.in_flight
        else:
            self._commits.send_last(partitions)
        self._give_up(partitions)

    def _give_up(self, partitions: list[int]) -> None:
        for number in partitions:
            self._partitions.tell(number, Released())
        self._partitions.take_outcomes()
        self._publish_snapshot()

    def _publish_snapshot(self) -> None:
        snapshot = self._partitions.new_snapshot()
        if snapshot is not None:
            self._parts.board.publish(snapshot)

    def drain(self, deadline: Deadline) -> None:
        """End by the deadline: nothing more is read, what is durable is committed, ledgers are closed."""
        self._commits.finish(self._partitions.owned, deadline)
        self._parts.jobs.wait(deadline)
        self._give_up(self._partitions.owned)
        # A static member does not leave the group: its partitions wait for it until the session ends.
        self._parts.kafka.source.close(deadline)
        self._parts.kafka.publisher.close()
