"""Recoveries, replays and dead letters: what happens to a partition beside the counting.

Theory of operation. Called by the ingest loop once a round, in its thread. Long work runs in other threads, each on a
partition that is not read meanwhile: ``look_after`` starts it and takes its outcome, so that one partition in trouble
does not hold up the others.

    not read, due        --> recovery, or publication when only dead letters are missing
    recovered, no poison --> read        recovered, poison waits --> publication --> read
    read, poison         --> not read, publication --> read
    read, a large batch  --> not read, the batch alone --> read
    read, replay done    --> the chain is compared: read on, or REFUSED
"""

from collections.abc import Callable
from concurrent.futures import Executor
from typing import Final

from loguru import logger

from consumer.core import commit_rules
from consumer.core.commit_rules import Progress
from consumer.core.partition_state import Paused, Recovering, Refused
from consumer.core.publication import NotPublished, Publication, PublicationOutcome, Published
from consumer.core.recovery import Continue, Replay, check_replayed
from consumer.shell.board import Board
from consumer.shell.commits import Commits
from consumer.shell.kafka_source import ANSWER_LIMIT_S
from consumer.shell.partition_recovery import (
    DAMAGED_CURE,
    NotNow,
    PartitionRecovery,
    Recovered,
    RecoveryOutcome,
    RefusedNow,
)
from consumer.shell.ports import Publisher, Records, Source
from consumer.shell.readers import Readers
from consumer.shell.schemas import Schemas
from consumer.shell.slot import Slot
from consumer.shell.slots import Slots
from tally.event.claims import NO_CLAIMS
from tally.event.classify import Fetched
from tally.kafka.trouble import TOO_LARGE_CURE, ConsumerEndedError, KafkaTroubleError, TooLargeAloneError
from tally.ledger.errors import LedgerDamaged
from tally.ledger.identity import Refuse

_STALL_S: Final = ANSWER_LIMIT_S + 2.0
"""Of waiting for records: longer than an answer that brings some may be on its way over a slow link."""
_STALLS_MAX: Final = 1


class Caretaker:
    """See the module's theory of operation."""

    def __init__(
        self,
        *,
        slots: Slots,
        commits: Commits,
        source: Source,
        recovery: PartitionRecovery,
        sums: Records,
        publisher: Publisher,
        schemas: Schemas,
        readers: Readers,
        board: Board,
        jobs: Executor,
        monotonic_s: Callable[[], float],
    ) -> None:
        self._slots = slots
        self._commits = commits
        self._source = source
        self._recovery = recovery
        self._sums = sums
        self._publisher = publisher
        self._schemas = schemas
        self._readers = readers
        self._board = board
        self._jobs = jobs
        self._monotonic_s = monotonic_s

    def look_after(self, waited_s: float) -> None:
        """Take the outcomes of jobs and start what is due. Raises LedgerFailed, ConsumerEndedError.

        ``waited_s`` is how long this round waited for records.
        """
        now_s = self._monotonic_s()
        for slot in self._slots:
            self._take_outcomes(slot)
            if slot.busy or isinstance(slot.state, Refused):
                continue
            if slot.reading:
                slot.waited_s += waited_s
                self._attend(slot, now_s)
            elif now_s >= slot.retry_at_s and not self._slots.is_leaving(slot.partition):
                self._try_again(slot)
        self.close_gone()

    def close_gone(self) -> None:
        """Close the ledgers of partitions that were given up, once no other thread works on them."""
        for slot in self._slots.gone():
            if slot.recovery is not None and slot.recovery.exception() is None:
                slot.held = slot.recovery.result().held
            if slot.held is not None:
                slot.held.opened.ledger.close()
            self._publisher.forget(slot.partition)

    def _take_outcomes(self, slot: Slot) -> None:
        if slot.recovery is not None and slot.recovery.done():
            recovered = slot.recovery.result()
            slot.recovery = None
            self._on_recovered(slot, recovered)
        if slot.publication is not None and slot.publication.done():
            published = slot.publication.result()
            slot.publication = None
            self._on_published(slot, published)

    def _attend(self, slot: Slot, now_s: float) -> None:
        assert slot.held is not None, "a partition that is read has a ledger"
        topic_id = self._board.outside.topic_id
        if topic_id not in ("", slot.held.identity.topic_id):
            # Nothing was fetched that would show it. Recovery looks for itself and says what it means.
            self._slots.pause(slot, "the topic's id has changed", until_success=False)
            return
        self._notice_stall(slot)
        if slot.replay is not None:
            self._end_replay(slot, slot.replay)
        if slot.trouble and now_s >= slot.trouble_until_s:
            slot.trouble = ""
            self._slots.show_reading(slot)
        if slot.letters and slot.replay is None and slot.reading:
            self._slots.stop_reading(slot)
            self._publish(slot)

    def _notice_stall(self, slot: Slot) -> None:
        """Begin reading again when the log has records that do not come, and in the end with a new member.

        Only waiting counts. A partition whose records stand behind those of others comes when its turn is there, and
        reading it again would throw them away (seen with three million records to catch up on a busy machine).
        What a broker gives to nobody looks different: its last stable offset does not move either (seen: after a
        SIGKILL of a single broker right behind a commit it stood still until that transaction's producer began again).
        """
        end = self._board.outside.last_stable.get(slot.partition, 0)
        if end <= max(slot.ledger_state.next_offset, slot.position or 0):
            slot.waited_s, slot.stalls = 0.0, 0
        elif slot.waited_s >= _STALL_S:
            slot.stalls += 1
            what = f"partition {slot.partition} gives no records from {slot.ledger_state.next_offset} on, to {end}"
            if slot.stalls > _STALLS_MAX:
                slot.stalls = 0
                raise ConsumerEndedError(what)
            logger.warning("{}: reading begins again; docs/LIMITS.md tells what a slow link to Kafka needs", what)
            self._slots.start_reading(slot)

    def _try_again(self, slot: Slot) -> None:
        if slot.letters and slot.replay is None:
            self._publish(slot)
        elif slot.alone:
            self._begin_alone(slot)
        else:
            slot.recovery = self._jobs.submit(self._recovery.run, slot.partition, slot.held, slot.wait)

    # -- large batches ------------------------------------------------------------------------------------------------

    def _begin_alone(self, slot: Slot) -> None:
        """One at a time in the whole process: each may take gigabytes."""
        if all(other.lone is None for other in self._slots):
            slot.lone = self._jobs.submit(self._sums.next_alone, slot.partition, slot.ledger_state.next_offset)

    def read_alone(self) -> list[Fetched]:
        """Return what was read alone since the last round, to be taken into the ledger like any other records."""
        found = []
        for slot in self._slots:
            if slot.lone is None or not slot.lone.done():
                continue
            job, slot.lone = slot.lone, None
            try:
                batch = job.result()
            except TooLargeAloneError as error:
                self._slots.refuse(slot, str(error), TOO_LARGE_CURE)
            except KafkaTroubleError as error:
                self._slots.pause(slot, str(error), error.cure)
            else:
                if len(batch.offsets):
                    found.append(batch)
                else:
                    self._slots.start_reading(slot)
        return found

    def read_on(self, alone: list[Fetched]) -> None:
        """Read with the others again where that went well; another step has already decided about the rest."""
        for batch in alone:
            slot = self._slots.get(batch.partition)
            if slot is not None and slot.alone:
                self._slots.start_reading(slot)

    # -- recovery ----------------------------------------------------------------------------------------------------

    def _on_recovered(self, slot: Slot, outcome: RecoveryOutcome) -> None:
        slot.held = outcome.held
        if outcome.held is not None:
            self._readers.put(slot.partition, outcome.held.opened)
        self._slots.changed()
        match outcome:
            case NotNow(_, reason, cure):
                self._slots.wait(slot, Paused(reason, cure))
            case RefusedNow(_, reason, cure):
                self._refuse_when_sure(slot, reason, cure)
            case Recovered():
                self._go_on(slot, outcome)

    def _refuse_when_sure(self, slot: Slot, reason: str, cure: str) -> None:
        """Refuse what was found twice: right after a broker's start a log may look shorter than it is."""
        if slot.doubt == reason:
            self._slots.refuse(slot, reason, cure)
            return
        slot.doubt = reason
        self._slots.wait(slot, Recovering(f"looking again: {reason}"))

    def _go_on(self, slot: Slot, outcome: Recovered) -> None:
        for note in outcome.decision.notes:
            logger.bind(partition=slot.partition).warning("recovery: {}", note)
        slot.doubt = ""
        slot.claims = outcome.claims
        slot.letters = list(outcome.letters)
        slot.progress = Progress(outcome.committed, slot.ledger_state.next_offset, poison_pending=bool(slot.letters))
        slot.replay = outcome.decision if isinstance(outcome.decision, Replay) else None
        if slot.letters:
            self._publish(slot)
        else:
            self._slots.start_reading(slot)

    def _end_replay(self, slot: Slot, replay: Replay) -> None:
        """Compare the chain once the ledger has reached the committed offset again."""
        assert slot.held is not None
        ledger = slot.held.opened.ledger
        if ledger.state.next_offset < replay.until:
            if slot.position is not None and slot.position >= replay.until:
                self._slots.refuse(slot, *_nothing_up_to(replay.until, ledger.state.next_offset))
            return
        directory = str(self._recovery.directory(slot.partition))
        try:
            chain = ledger.chain_at(replay.until)
        except LedgerDamaged as error:
            self._slots.refuse(slot, str(error), DAMAGED_CURE)
            return
        match check_replayed(chain, replay, directory):
            case Continue():
                slot.replay = None
                slot.claims = NO_CLAIMS
                logger.bind(partition=slot.partition, offset=replay.until).info("replayed: the chain is the witness's")
                self._slots.show_reading(slot)
            case Refuse(reason, cure):
                self._slots.refuse(slot, reason, cure)

    # -- dead letters ------------------------------------------------------------------------------------------------

    def _publish(self, slot: Slot) -> None:
        assert slot.held is not None
        publication = Publication(
            partition=slot.partition,
            letters=tuple(slot.letters),
            next_offset=slot.ledger_state.next_offset,
            metadata=self._commits.witness_of(slot),
            group_metadata=self._source.group_metadata(),
            topic_id=slot.held.identity.topic_id,
            dead_letter_schema_id=self._schemas.own_here().dead_letters,
        )
        slot.publication = self._jobs.submit(self._publisher.publish, publication)

    def _on_published(self, slot: Slot, outcome: PublicationOutcome) -> None:
        match outcome:
            case NotPublished(reason, cure):
                self._slots.wait(slot, Paused(f"poison is in the ledger, its {len(slot.letters)} {reason}", cure))
            case Published(next_offset):
                assert slot.progress is not None
                slot.letters = []
                slot.progress.poison_pending = False
                commit_rules.acknowledge(slot.progress, next_offset)
                if slot.wait is not None and slot.wait.open_names:
                    self._slots.look_up_now(slot, slot.wait)
                else:
                    self._slots.start_reading(slot)


def _nothing_up_to(until: int, next_offset: int) -> tuple[str, str]:
    reason = f"offset {until} is committed, but no record lies between {next_offset} and it: not a commit of Tally"
    cure = "Stop every consumer, run `tally repair --forget-commits` and start again: then the ledger rules."
    return reason, cure
