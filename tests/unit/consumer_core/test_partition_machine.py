"""What holds on every path through a partition's decision table, against a simple model of what surrounds it."""

from dataclasses import replace
from typing import assert_never

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

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
from consumer.core.partition.events import (
    Appended,
    Assigned,
    BatchTooLarge,
    Contradicted,
    EndReached,
    Event,
    NoRoom,
    NothingNew,
    OffsetCommitted,
    OutOfRange,
    ReadFailed,
    Released,
    Replayed,
    SchemasMissing,
    Tick,
    TopicReplaced,
)
from consumer.core.partition.job_events import (
    JobEnded,
    LettersNotPublished,
    LettersPublished,
    LoneBatchRead,
    LoneReadFailed,
    RecoveryPostponed,
    RecoveryRefused,
    RecoverySucceeded,
)
from consumer.core.partition.model import Partition
from consumer.core.partition.stages import Job, Leaving, Reading, Waiting, Working, Writing
from consumer.core.partition.state import Refused, Running, Unassigned
from consumer.core.partition.table import decide
from consumer.core.partition.views import due, own
from consumer.core.recovery import Replay
from consumer.core.schema_wait import SchemaWait
from tests_support.consumer.partition_document import documented, shown_way, stage_way
from tests_support.consumer.partition_values import NUMBER, RULES, answered, ledger_at, letter_at, state_at, wait_for

STAGE_WAYS, SHOWN_WAYS = documented("stages of a partition"), documented("states of a partition")
BATCH_EVENTS = ["nothing", "schemas", "no room", "failed", "replaced", "contradicted"]
FETCH_EVENTS = ["out of range", "too large", "failed", "end"]
HEALING_TICKS = 40
"""Enough for a lookup, a publication, a lone read and a recovery, one after the other, each after its delay."""


class PartitionMachine(RuleBasedStateMachine):
    """The group, Kafka, the disk and the other threads of one partition, as simply as can be."""

    def __init__(self) -> None:
        super().__init__()
        self.partition = Partition(NUMBER)
        self.now_s = 0.0
        self.names = 0
        # the ledger's files: they stay when the partition goes
        self.fsynced = 0
        self.open = False
        # the group's offset, and the poison in the ledger without a dead letter
        self.committed: int | None = None
        self.unpublished: set[int] = set()
        # the process
        self.assigned = False
        self.job: Job | None = None
        self.recovered = False
        self.reading = False
        self.readers = False
        self.owing = 0
        """Commits on their way."""
        self.sent = 0

    # -- the table -----------------------------------------------------------------------------------------------------

    def tell(self, event: Event) -> None:
        before = self.partition
        self.partition, actions = decide(before, event, self.now_s, RULES)
        for way, known in [
            (stage_way(before, self.partition), STAGE_WAYS),
            (shown_way(before, self.partition), SHOWN_WAYS),
        ]:
            assert way is None or way in known, f"docs/DESIGN.md does not tell of {way} by {event}"
        for action in actions:
            self.carry_out(action)

    def carry_out(self, action: Action) -> None:
        match action:
            case Read(next_offset):
                assert self.recovered, "nothing is read before the recovery"
                assert self.job is None, "a ledger has one user"
                assert next_offset == self.fsynced, "it is read where the ledger ends"
                self.reading = True
            case StopReading():
                assert self.reading
                self.reading = False
            case Recover():
                self.begin(Job.RECOVERY)
                self.recovered = False
            case Publish(letters, next_offset):
                self.begin(Job.PUBLICATION)
                assert {each.offset for each in letters} == self.unpublished, "all that waits, once"
                assert next_offset == self.fsynced
            case ReadAlone(next_offset):
                assert self.recovered
                assert next_offset == self.fsynced
                self.begin(Job.LONE_READ)
            case CompareChain(replay):
                assert self.fsynced >= replay.until
                self.tell(Replayed())
            case AdmitReaders():
                assert self.open
                assert self.assigned
                self.readers = True
            case TurnReadersAway():
                self.readers = False
            case Close():
                assert self.job is None, "nobody works on what is closed"
                assert not self.readers
                self.open = self.recovered = self.reading = False
            case EndMember():
                self.release()
            case _:
                assert_never(action)

    def begin(self, job: Job) -> None:
        assert self.job is None, "a ledger has one user"
        assert not self.reading, "the loop and another thread never share a ledger"
        assert self.assigned
        self.job = job

    def release(self) -> None:
        self.assigned = self.reading = False
        self.tell(Released())

    def in_stage(self, *stages: type) -> bool:
        return isinstance(self.partition.stage, stages)

    # -- time and the group --------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.1, 0.5, 2.0, 13.0]))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @rule(
        waited_s=st.sampled_from([0.0, 0.1, 13.0]),
        free=st.booleans(),
        behind=st.sampled_from([0, 0, 5]),
        topic_id=st.sampled_from([None, "topic-1", "topic-1", "topic-2"]),
    )
    def a_round_ends(self, waited_s: float, free: bool, behind: int, topic_id: str | None) -> None:
        if self.assigned:
            self.tell(Tick(waited_s, free, topic_id, self.fsynced + behind))

    @precondition(lambda self: not self.assigned)
    @rule()
    def is_assigned(self) -> None:
        self.assigned = True
        self.tell(Assigned())

    @precondition(lambda self: self.assigned)
    @rule(commits=st.booleans())
    def is_released(self, commits: bool) -> None:
        if commits:
            self.commit()
            self.answer()
        self.owing = 0
        self.release()

    # -- commits -------------------------------------------------------------------------------------------------------

    @precondition(lambda self: not self.owing)
    @rule()
    def commit(self) -> None:
        next_offset = due(self.partition)
        if next_offset is not None:
            assert next_offset <= self.fsynced, "I4: never ahead of the fsync"
            assert next_offset > (self.partition.committed or 0), "I9: never back"
            assert not self.unpublished, "I10: never past poison that is not published"
            self.owing, self.sent = 1, next_offset

    @precondition(lambda self: self.owing)
    @rule()
    def answer(self) -> None:
        if self.owing:
            self.owing = 0
            self.committed = max(self.sent, self.committed or 0)
            self.tell(OffsetCommitted(self.sent))

    # -- records -------------------------------------------------------------------------------------------------------

    def new_wait(self) -> SchemaWait:
        self.names += 1
        return wait_for(self.names, self.fsynced + 3)

    @precondition(lambda self: self.reading or self.in_stage(Writing))
    @rule(count=st.integers(1, 4), poison=st.booleans(), unknown=st.booleans())
    def a_block_is_appended(self, count: int, poison: bool, unknown: bool) -> None:
        assert self.open
        assert self.job is None, "never two owners' writes"
        self.fsynced += count
        letters = (letter_at(self.fsynced - 1),) if poison else ()
        self.unpublished |= {each.offset for each in letters}
        self.tell(Appended(state_at(self.fsynced), letters, self.new_wait() if unknown else None))

    @precondition(lambda self: self.reading or self.in_stage(Writing))
    @rule(what=st.sampled_from(BATCH_EVENTS))
    def something_else_comes_of_a_batch(self, what: str) -> None:
        event: Event
        match what:
            case "nothing":
                event = NothingNew()
            case "schemas":
                event = SchemasMissing(self.new_wait())
            case "no room":
                event = NoRoom("full", "Make room.")
            case "failed":
                event = ReadFailed("Kafka did not answer")
            case "replaced":
                event = TopicReplaced()
            case _:
                event = Contradicted("another chain", "Rebuild it.")
        self.tell(event)

    @precondition(lambda self: self.assigned)
    @rule(what=st.sampled_from(FETCH_EVENTS))
    def a_fetch_tells(self, what: str) -> None:
        """Whether it is still read or not."""
        event: Event
        match what:
            case "out of range":
                event = OutOfRange()
            case "too large":
                event = BatchTooLarge()
            case "failed":
                event = ReadFailed("not allowed", "Grant it.")
            case _:
                event = EndReached(self.fsynced + 1)
        if not self.in_stage(Writing):  # a batch that is read alone is written before a round tells more
            self.tell(event)

    # -- other threads -------------------------------------------------------------------------------------------------

    @precondition(lambda self: self.job is Job.RECOVERY)
    @rule(
        how=st.sampled_from(["fine", "fine", "fine", "not now", "refused"]),
        opens=st.booleans(),
        behind=st.sampled_from([0, 0, 6]),
    )
    def a_recovery_ends(self, how: str, opens: bool, behind: int) -> None:
        self.job = None
        self.open = self.open or opens or how == "fine"
        ledger = ledger_at(self.fsynced) if self.open else None
        if self.in_stage(Leaving):
            self.tell(JobEnded())
        elif how == "not now":
            self.tell(RecoveryPostponed(ledger, "Kafka did not answer"))
        elif how == "refused":
            self.tell(RecoveryRefused(ledger, "another chain", "Rebuild it."))
        else:
            self.recovers(behind)

    def recovers(self, behind: int) -> None:
        self.open = self.recovered = True
        if self.partition.wait is not None:
            answered(self.partition.wait)
        replay = Replay(self.fsynced, self.fsynced + behind, None) if behind else None
        if behind:  # below the committed offset every poison is published
            self.unpublished.clear()
            self.committed = self.fsynced + behind
        letters = tuple(map(letter_at, sorted(self.unpublished)))
        self.tell(RecoverySucceeded(ledger_at(self.fsynced), self.committed, replay, letters=letters))

    @precondition(lambda self: self.job is Job.PUBLICATION)
    @rule(fine=st.booleans())
    def a_publication_ends(self, fine: bool) -> None:
        self.job = None
        if fine:
            self.unpublished.clear()
            self.committed = self.fsynced
        if self.in_stage(Leaving):
            self.tell(JobEnded())
        else:
            self.tell(LettersPublished(self.fsynced) if fine else LettersNotPublished("dead letters wait"))

    @precondition(lambda self: self.job is Job.LONE_READ)
    @rule(how=st.sampled_from(["found", "found", "empty", "failed", "never"]))
    def a_lone_read_ends(self, how: str) -> None:
        self.job = None
        events: dict[str, Event] = {
            "found": LoneBatchRead(found=True),
            "empty": LoneBatchRead(found=False),
            "failed": LoneReadFailed("timed out"),
            "never": Contradicted("more than 2 GiB", "Copy the others."),
        }
        self.tell(JobEnded() if self.in_stage(Leaving) else events[how])

    # -- what holds ----------------------------------------------------------------------------------------------------

    @invariant()
    def what_is_done_is_what_the_stage_says(self) -> None:
        """Every wait is for something that comes: a job that runs, or a time that is near."""
        stage = self.partition.stage
        assert self.reading == isinstance(stage, Reading)
        assert (self.job is not None) == isinstance(stage, Working | Leaving)
        if isinstance(stage, Working | Leaving):
            assert stage.job is self.job
        if isinstance(stage, Waiting):
            assert stage.due_s <= self.now_s + RULES.retry_s
        assert self.assigned == (not isinstance(stage, Unassigned) and stage != Leaving(self.job or Job.RECOVERY))

    @invariant()
    def what_is_known_of_the_ledger_is_true(self) -> None:
        """What readers see and what is committed is what is fsynced."""
        figures = own(self.partition).figures
        assert figures is None or figures.next_offset == self.fsynced
        next_offset = due(self.partition)
        assert next_offset is None or (next_offset == self.fsynced and self.partition.shown == Running())

    @invariant()
    def a_partition_that_is_not_ours_shows_nothing(self) -> None:
        """Nor does a refused one count or commit."""
        if not self.assigned:
            assert own(self.partition) == own(Partition(NUMBER))
            assert not self.readers
        if self.in_stage(Refused):
            assert self.partition.shown == self.partition.stage
            assert due(self.partition) is None

    def teardown(self) -> None:
        """A pause is undone once its cause is gone, or is a refusal; and a revoke ends with the job that runs."""
        for _ in range(HEALING_TICKS):
            if not self.assigned or self.in_stage(Refused):
                break
            self.goes_well()
        else:
            assert self.in_stage(Reading), self.partition
            assert self.partition.shown == Running(), self.partition
            assert due(replace(self.partition, committed=None)) == (self.fsynced or None)
        if self.assigned:
            self.release()
        if self.job is not None:
            self.job = None
            self.tell(JobEnded())
        assert self.partition == Partition(NUMBER)
        assert not self.open
        assert not self.reading

    def goes_well(self) -> None:
        if self.job is Job.RECOVERY:
            self.a_recovery_ends(how="fine", opens=True, behind=0)
        elif self.job is Job.PUBLICATION:
            self.a_publication_ends(fine=True)
        elif self.job is Job.LONE_READ:
            self.a_lone_read_ends(how="found")
        elif self.in_stage(Writing, Reading):
            self.a_block_is_appended(count=2, poison=False, unknown=False)
        self.now_s += RULES.retry_s
        if self.assigned:
            self.tell(Tick(log_end=self.fsynced, topic_id="topic-1"))


TestPartitionMachine = PartitionMachine.TestCase
TestPartitionMachine.settings = settings(max_examples=150, stateful_step_count=50, deadline=None)
