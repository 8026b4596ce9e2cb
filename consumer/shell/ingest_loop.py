"""The ingest loop: fetch, prove, classify, append and fsync, publish, commit.

Theory of operation. One thread runs ``run`` and is the only one that changes slots, states and commits. A round of it
is ``round``, whose steps are numbered. What takes long beside the counting is the caretaker's, in threads of its own.

What ends the loop: ``stop()``; a LedgerFailed, after which nobody may trust the page cache; a ConsumerEndedError that
soon follows another.
"""

import threading
import time
from collections.abc import Callable
from concurrent.futures import Executor, Future, wait
from dataclasses import dataclass, field
from typing import Any, Final

from loguru import logger

from consumer.shell import blocks
from consumer.shell.blocks import Block, NothingNew, NotYet
from consumer.shell.board import Board
from consumer.shell.caretaker import Caretaker
from consumer.shell.commits import Commits
from consumer.shell.kafka_source import Fetch, Ownership
from consumer.shell.partition_recovery import PartitionRecovery
from consumer.shell.ports import Identities, Publisher, Records, Source
from consumer.shell.readers import Readers
from consumer.shell.schemas import Schemas
from consumer.shell.slots import Slots
from consumer.shell.watch import Watch
from tally.base.fault_points import point
from tally.event.classify import Fetched
from tally.kafka.facts import TopicMissingError
from tally.kafka.trouble import ConsumerEndedError, KafkaTroubleError
from tally.ledger.identity import Refuse

_REJOIN_APART_S: Final = 300.0
_AFTER_FETCH, _BEFORE_APPEND = point("consumer.after_fetch"), point("consumer.before_append")


@dataclass(frozen=True)
class LoopConfig:
    """``partitions`` of the topic; ``owner_url`` goes into the witness."""

    partitions: int
    owner_url: str
    retry_s: float
    shutdown_timeout_s: float


@dataclass(frozen=True)
class Parts:
    """What the loop works with. ``fsyncs`` write ledgers side by side, ``jobs`` recover and publish."""

    source: Source
    facts: Identities
    recovery: PartitionRecovery
    sums: Records
    publisher: Publisher
    schemas: Schemas
    board: Board
    readers: Readers
    fsyncs: Executor
    jobs: Executor
    monotonic_s: Callable[[], float] = time.monotonic
    watch: Watch = field(default_factory=Watch)


class IngestLoop:
    """See the module's theory of operation."""

    def __init__(self, parts: Parts, config: LoopConfig) -> None:
        clock = parts.monotonic_s
        self._parts = parts
        self._config = config
        self._slots = Slots(parts.source, config.partitions, config.retry_s, clock)
        self._commits = Commits(
            source=parts.source,
            slots=self._slots,
            owner_url=config.owner_url,
            retry_s=config.retry_s,
            monotonic_s=clock,
            watch=parts.watch,
        )
        self._caretaker = Caretaker(
            slots=self._slots,
            commits=self._commits,
            source=parts.source,
            recovery=parts.recovery,
            sums=parts.sums,
            publisher=parts.publisher,
            schemas=parts.schemas,
            readers=parts.readers,
            board=parts.board,
            jobs=parts.jobs,
            monotonic_s=clock,
        )
        self._stopping = threading.Event()
        self._rejoined_at_s = -_REJOIN_APART_S
        self._late_commit = False

    def stop(self) -> None:
        """Ask the loop to drain and end. Any thread."""
        self._stopping.set()

    def run(self) -> None:
        """Run until stopped. Raises LedgerFailed, ConsumerEndedError."""
        self.begin()
        while not self._stopping.is_set():
            try:
                self.round()
            except ConsumerEndedError as error:
                self.rejoin(error)
        self.drain()

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
        self._parts.source.reopen()
        self._late_commit = False
        if kept := [slot.partition for slot in self._slots]:
            self._on_released(kept, True)
        self._commits.answered({}, "")

    def begin(self) -> None:
        """Join the group."""
        self._parts.source.subscribe(Ownership(self._on_assigned, self._on_released, self._commits.answered))

    def round(self) -> None:
        """Take what is there from the topic into the ledgers. Once ``begin`` was called."""
        # 1. fetch; callbacks of the group run in here
        self._parts.watch.fetching()
        fetch = self._parts.source.fetch()
        self._parts.watch.fetched(fetch)
        if self._late_commit:
            # A commit was on its way when the group gave our partitions away. librdkafka would send it again under the
            # old member's name, and the broker would fence our own replica for that (seen after a broker's restart).
            self._begin_again()
            return
        if fetch.batches:
            _AFTER_FETCH()
        # 2. ask which topic it is NOW: ids never return, so the answer proves where the records came from
        alone = self._caretaker.read_alone()
        batches = self._proven([*(each for each in fetch.batches if self._slots.is_read(each.partition)), *alone])
        # 3. decode and classify
        prepared = [block for batch in batches if (block := self._prepared(batch)) is not None]
        # 4. append and fsync, several partitions side by side
        if prepared:
            _BEFORE_APPEND()
        written = blocks.write(prepared, self._parts.fsyncs, self._parts.watch)
        self._parts.watch.written(written)
        self._note_outcome(prepared, written)
        self._caretaker.read_on(alone)
        # 5. look after what is not counting, and show the new picture
        self._pause_out_of_range(fetch.out_of_range)
        self._stop_at_what_is_unreadable(fetch)
        self._slots.note_ends(fetch.ends)
        self._caretaker.look_after(fetch.waited_s)
        self._publish_snapshot()
        # 6. commit what is durable, with the witness
        self._commits.send()

    def _proven(self, batches: list[Fetched]) -> list[Fetched]:
        """Return the batches whose ledger belongs to the topic as it is now."""
        if not batches:
            return []
        try:
            topic_id = self._parts.facts.topic().topic_id
        except (KafkaTroubleError, TopicMissingError) as error:
            cure = error.cure if isinstance(error, KafkaTroubleError) else ""
            for batch in batches:
                self._slots.pause(self._slots[batch.partition], str(error), cure)
            return []
        proven = []
        for batch in batches:
            slot = self._slots[batch.partition]
            assert slot.held is not None, "a partition that is read has a ledger"
            if slot.held.identity.topic_id == topic_id:
                proven.append(batch)
            else:
                # Nothing of it is appended. Recovery compares the identities and words the refusal.
                self._slots.pause(slot, "the topic's id has changed", until_success=False)
        return proven

    def _prepared(self, batch: Fetched) -> Block | None:
        slot = self._slots[batch.partition]
        match blocks.prepare(slot, batch, self._parts.schemas, self._config.partitions):
            case Block() as block:
                return block
            case NothingNew():
                return None
            case NotYet(wait):
                self._slots.look_up(slot, wait)
                return None
            case Refuse(reason, cure):
                self._slots.refuse(slot, reason, cure)
                return None

    def _note_outcome(self, prepared: list[Block], written: list[Block]) -> None:
        """Take note of what is durable; a partition without room is fetched again later."""
        for block in written:
            slot = block.slot
            assert slot.progress is not None, "a partition that is read was recovered"
            slot.progress.durable = block.folded.state.next_offset
            slot.letters += block.letters
            slot.progress.poison_pending = bool(slot.letters)
            slot.waited_s, slot.stalls = 0.0, 0
            if slot.wait is not None and slot.progress.durable >= slot.wait.until:
                slot.wait = None
            self._slots.changed()
            if slot.trouble:
                slot.trouble = ""
                self._slots.show_reading(slot)
            if block.wait is not None:
                self._slots.look_up(slot, block.wait)
        durable = {block.slot.partition for block in written}
        for block in prepared:
            if block.slot.partition not in durable:
                self._slots.pause(block.slot, block.slot.trouble, block.slot.trouble_cure)

    def _pause_out_of_range(self, partitions: frozenset[int]) -> None:
        for partition in partitions:
            slot = self._slots.get(partition)
            if slot is not None and slot.reading:
                # Recovery looks at the log's ends and says what it means.
                self._slots.pause(slot, "the ledger's next offset is outside the log", until_success=False)

    def _stop_at_what_is_unreadable(self, fetch: Fetch) -> None:
        """What stands before it is in the ledger, so reading stops right there."""
        for partition in fetch.too_large:
            slot = self._slots.get(partition)
            if slot is not None and slot.reading:
                self._slots.read_alone(slot)
        for partition, (reason, cure) in fetch.unreadable.items():
            slot = self._slots.get(partition)
            if slot is not None and slot.reading:
                self._slots.pause(slot, reason, cure)

    def _on_assigned(self, partitions: list[int]) -> None:
        logger.info("assigned partitions {}", sorted(partitions))
        self._slots.add(partitions)

    def _on_released(self, partitions: list[int], lost: bool) -> None:
        """Finish with partitions that are given up: what is durable is committed, unless others own it already."""
        logger.info("{} partitions {}", "lost" if lost else "giving up", sorted(partitions))
        if lost:
            self._late_commit = self._late_commit or self._commits.in_flight
        else:
            self._commits.finish(partitions)
        for partition in partitions:
            self._parts.readers.drop(partition)
        self._slots.remove(partitions)
        self._caretaker.close_gone()
        self._publish_snapshot()

    def _publish_snapshot(self) -> None:
        snapshot = self._slots.new_snapshot()
        if snapshot is not None:
            self._parts.board.publish(snapshot)

    def drain(self) -> None:
        """End: nothing more is read, what is durable is committed, ledgers are closed. One deadline for all of it."""
        deadline_s = self._parts.monotonic_s() + self._config.shutdown_timeout_s
        for slot in self._slots:
            self._slots.stop_reading(slot)
        owned = [slot.partition for slot in self._slots]
        self._commits.finish(owned)
        working: list[Future[Any]] = [job for slot in self._slots for job in slot.jobs]
        wait(working, timeout=max(0.0, deadline_s - self._parts.monotonic_s()))
        # A static member does not leave the group: its partitions wait for it until the session ends.
        self._parts.source.close()
        if kept := [slot.partition for slot in self._slots]:
            self._on_released(kept, True)
        self._parts.publisher.close()
