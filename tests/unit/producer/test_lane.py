"""The decision table of a lane: each row, and what holds on every path through it."""

from dataclasses import replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from producer.core.availability import Available, Unavailable
from producer.core.calls import Batch
from producer.core.lane import IllegalEvent, Lane, Rules, decide, start
from producer.core.lane_actions import (
    Abort,
    Action,
    Answer,
    Commit,
    Committed,
    End,
    NotCommitted,
    Produce,
    ReadBack,
    Renew,
    Report,
    Take,
    Unknown,
)
from producer.core.lane_events import Event, Found, Stop, Taken, WasReadBack
from producer.core.lane_stages import (
    Aborting,
    Committing,
    Dead,
    Init,
    LaneStage,
    Open,
    Ready,
    Resolving,
    Tainted,
)
from tally.kafka.transaction_port import (
    Aborted,
    AbortFailed,
    CommitFailed,
    CommitReturned,
    CommitSuspected,
    CommitTimedOut,
    Delivered,
    Kind,
    ProduceFailed,
    Renewed,
    RenewFailed,
    Suspected,
    Trouble,
)

RULES = Rules()
NOW = 1_000.0
BATCH = Batch([])
OFFSETS = (5, 6)
ABORTABLE, FATAL, FENCED = (Trouble(kind, kind.value) for kind in (Kind.ABORTABLE, Kind.FATAL, Kind.FENCED))
COMMITTING = Committing(BATCH, OFFSETS, NOW)
RESOLVING = Resolving(BATCH, OFFSETS, NOW, "lost")
UNSENT = Resolving(BATCH, None, NOW, "lost")
LATE = NOW + RULES.resolve_limit_s

ROWS: list[tuple[LaneStage, Event, float, type[LaneStage], tuple[Action, ...]]] = [
    # the everyday way round
    (Init(), Renewed(), NOW, Ready, (Report(Available()), Take())),
    (Ready(), Taken(BATCH), NOW, Open, (Produce(BATCH),)),
    (Open(BATCH), Delivered(OFFSETS), NOW, Committing, (Commit(1.0),)),
    (COMMITTING, CommitReturned(), NOW, Ready, (Answer(BATCH, Committed(OFFSETS)), Take())),
    # no client yet
    (Init(), RenewFailed(ABORTABLE), NOW, Init, (Report(Unavailable("abortable")), Renew(0.1))),
    (Tainted(), RenewFailed(FATAL), NOW, Tainted, (Report(Unavailable("fatal")), Renew(0.1))),
    # before the commit was sent
    (Open(BATCH), ProduceFailed(ABORTABLE), NOW, Aborting, (Abort(),)),
    (Aborting(BATCH, "x"), Aborted(), NOW, Tainted, (Answer(BATCH, NotCommitted("x")), Renew(0.0))),
    (Aborting(BATCH, "x"), AbortFailed(FATAL), NOW, Resolving, (Renew(0.0),)),
    (Open(BATCH), ProduceFailed(FATAL), NOW, Resolving, (Renew(0.0),)),
    (UNSENT, Renewed(), NOW, Ready, (Answer(BATCH, NotCommitted("lost")), Report(Available()), Take())),
    # the commit may have left
    (COMMITTING, CommitTimedOut(), NOW + 14.9, Committing, (Commit(1.0),)),
    (COMMITTING, CommitTimedOut(), NOW + 15.0, Resolving, (Renew(0.0),)),
    (COMMITTING, CommitFailed(ABORTABLE), NOW, Resolving, (Renew(0.0),)),
    (COMMITTING, CommitFailed(FATAL), NOW, Resolving, (Renew(0.0),)),
    (COMMITTING, CommitFailed(FENCED), NOW, Resolving, (Report(Unavailable("fenced: fenced")), Renew(3.0))),
    (RESOLVING, Renewed(), NOW, Resolving, (Report(Available()), ReadBack(BATCH, OFFSETS, 0.0))),
    (RESOLVING, WasReadBack(Found.ALL), NOW, Ready, (Answer(BATCH, Committed(OFFSETS)), Report(Available()), Take())),
    (RESOLVING, WasReadBack(Found.UNDECIDED), NOW, Resolving, (ReadBack(BATCH, OFFSETS, 0.1),)),
    # suspicious: answered OK, and a new instance before the next begin
    (COMMITTING, CommitSuspected("slow"), NOW, Tainted, (Answer(BATCH, Committed(OFFSETS)), Renew(0.0))),
    (Ready(), Suspected("line"), NOW, Tainted, (Renew(0.0),)),
    # the end
    (Ready(), Stop(), NOW, Dead, ()),
    (Tainted(), Stop(), NOW, Dead, ()),
    (RESOLVING, Stop(), NOW, Dead, (Answer(BATCH, Unknown("lost")),)),
    (Dead("x"), Stop(), NOW, Dead, ()),
]


@pytest.mark.parametrize(
    ("stage", "event", "now_s", "after", "actions"),
    ROWS,
    ids=lambda value: type(value).__name__ if not isinstance(value, type) else value.__name__,
)
def test_a_row(
    stage: LaneStage, event: Event, now_s: float, after: type[LaneStage], actions: tuple[Action, ...]
) -> None:
    """Each row of the table leads from its stage and event to its next stage by its actions."""
    lane, decided = decide(Lane(stage), event, now_s, RULES)
    assert isinstance(lane.stage, after)
    assert decided == actions


@pytest.mark.parametrize(
    ("found", "now_s", "verdict"),
    [
        (Found.NONE, NOW, NotCommitted),
        (Found.SOME, NOW, Unknown),
        (Found.UNDECIDED, LATE, Unknown),
        (Found.ALL, LATE, Committed),
    ],
)
def test_reading_back_decides(found: Found, now_s: float, verdict: type) -> None:
    """Records that are absent mean not committed; found in part, or undecided for too long, they stay unknown."""
    lane, actions = decide(Lane(RESOLVING), WasReadBack(found), now_s, RULES)
    assert isinstance(lane.stage, Ready)
    assert isinstance(actions[0], Answer)
    assert isinstance(actions[0].verdict, verdict)


@pytest.mark.parametrize("event", [CommitTimedOut(), CommitFailed(FATAL), CommitFailed(FENCED)])
def test_a_commit_without_an_answer_is_looked_for_where_it_was_delivered(event: Event) -> None:
    """After a commit without an answer the records are read back, since a new instance alone proves nothing (I11)."""
    resolving, _ = decide(Lane(Committing(BATCH, OFFSETS, NOW)), event, LATE, RULES)
    _, actions = decide(resolving, Renewed(), LATE, RULES)
    assert actions[-1] == ReadBack(BATCH, OFFSETS, 0.0)


def test_a_batch_is_given_up_when_no_client_comes_in_time() -> None:
    """When no client comes in time, callers are told that the outcome is unknown, and the lane goes on trying."""
    lane, actions = decide(Lane(RESOLVING), RenewFailed(ABORTABLE), LATE, RULES)
    assert actions[0] == Answer(BATCH, Unknown("lost"))
    assert isinstance(lane.stage, Tainted)
    assert isinstance(actions[-1], Renew)


@pytest.mark.parametrize("stage", [Open(BATCH), Aborting(BATCH, "x"), Tainted(), RESOLVING, COMMITTING])
def test_fenced_once_waits_and_fenced_twice_ends(stage: LaneStage) -> None:
    """The first fencing leads to a delayed new instance, and a second one within five minutes ends the process."""
    fencings: dict[type[LaneStage], Event] = {
        Open: ProduceFailed(FENCED),
        Aborting: AbortFailed(FENCED),
        Committing: CommitFailed(FENCED),
    }
    event = fencings.get(type(stage), RenewFailed(FENCED))
    lane, actions = decide(Lane(stage), event, NOW, RULES)
    assert actions[-1] == Renew(RULES.fence_delay_s)
    later = replace(lane, stage=Open(BATCH))
    again, actions = decide(later, ProduceFailed(FENCED), NOW + RULES.fence_window_s - 1, RULES)
    assert isinstance(again.stage, Dead)
    assert isinstance(actions[-1], End)
    much_later, actions = decide(later, ProduceFailed(FENCED), NOW + RULES.fence_window_s, RULES)
    assert actions[-1] == Renew(RULES.fence_delay_s)
    assert isinstance(much_later.stage, Tainted)


def test_fenced_before_the_commit_was_sent_is_not_committed() -> None:
    """A batch that is fenced before its commit was sent is answered not-committed at once, and not tried again."""
    _, actions = decide(Lane(Open(BATCH)), ProduceFailed(FENCED), NOW, RULES)
    assert actions[0] == Answer(BATCH, NotCommitted("fenced", fenced=True))


def test_failures_in_a_row_wait_longer_and_a_commit_forgets_them() -> None:
    """Each failure in a row waits longer, up to a bound, and a commit resets the delay."""
    lane = Lane(Init())
    delays = []
    for _ in range(12):
        lane, actions = decide(lane, RenewFailed(ABORTABLE), NOW, RULES)
        assert isinstance(actions[-1], Renew)
        delays.append(actions[-1].delay_s)
    assert delays == sorted(delays)
    assert (delays[0], delays[-1]) == (RULES.backoff_first_s, RULES.backoff_max_s)
    lane, _ = decide(replace(lane, stage=COMMITTING), CommitReturned(), NOW, RULES)
    assert lane.failures == 0


def test_what_cannot_happen_is_a_defect() -> None:
    """An event that no action of the stage can cause raises IllegalEvent instead of being guessed at."""
    with pytest.raises(IllegalEvent):
        decide(Lane(Ready()), Delivered(OFFSETS), NOW, RULES)


class LaneMachine(RuleBasedStateMachine):
    """Walks the table with every event that an action may yield, and checks what holds on every path."""

    def __init__(self) -> None:
        super().__init__()
        self.lane, actions = start()
        self.now_s = 0.0
        self.batch: Batch | None = None
        self.commit_sent = False
        self.fresh = False  # a new instance since the last abort, suspicion or unknown commit
        self.carried_out(actions)

    def carried_out(self, actions: tuple[Action, ...]) -> None:
        for action in actions:
            match action:
                case Answer(batch, verdict):
                    assert batch is self.batch, "each batch is answered once"
                    if isinstance(verdict, Committed):
                        assert self.commit_sent
                    if isinstance(verdict, NotCommitted) and not verdict.fenced and self.commit_sent:
                        assert self.absent, "not committed after a commit was sent needs proof"
                    self.batch = None
                case Produce():
                    assert self.fresh, "a new instance before the next begin"
                case Commit():
                    self.commit_sent = True
                    self.fresh = False
                case Abort():
                    assert not self.commit_sent, "never abort what may be committed"
                    self.fresh = False
        self.last = actions[-1] if actions else None
        if isinstance(self.last, Take):
            assert self.batch is None

    def tell(self, event: Event) -> None:
        self.lane, actions = decide(self.lane, event, self.now_s, RULES)
        self.carried_out(actions)

    @rule(seconds=st.floats(0, 20))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @precondition(lambda self: isinstance(self.last, Renew))
    @rule(event=st.sampled_from([Renewed(), Renewed(), *map(RenewFailed, (ABORTABLE, FATAL, FENCED)), Stop()]))
    def renewing(self, event: Event) -> None:
        self.fresh = isinstance(event, Renewed)
        self.tell(event)

    @precondition(lambda self: isinstance(self.last, Take))
    @rule(event=st.sampled_from([None, None, None, Suspected("x"), Stop()]))
    def taking(self, event: Event | None) -> None:
        if event is None:
            self.batch = Batch([])
            self.commit_sent = self.absent = False
            event = Taken(self.batch)
        else:
            self.fresh = False
        self.tell(event)

    @precondition(lambda self: isinstance(self.last, Produce))
    @rule(event=st.sampled_from([Delivered(OFFSETS), *map(ProduceFailed, (ABORTABLE, FATAL, FENCED))]))
    def producing(self, event: Event) -> None:
        self.tell(event)

    @precondition(lambda self: isinstance(self.last, Commit))
    @rule(
        event=st.sampled_from([CommitReturned(), CommitSuspected("sign"), CommitTimedOut()])
        | st.sampled_from([*map(CommitFailed, (ABORTABLE, FATAL, FENCED))])
    )
    def committing(self, event: Event) -> None:
        self.fresh = event == CommitReturned()
        self.tell(event)

    @precondition(lambda self: isinstance(self.last, Abort))
    @rule(event=st.sampled_from([Aborted(), *map(AbortFailed, (ABORTABLE, FATAL, FENCED))]))
    def aborting(self, event: Event) -> None:
        self.tell(event)

    @precondition(lambda self: isinstance(self.last, ReadBack))
    @rule(found=st.sampled_from(Found))
    def reading_back(self, found: Found) -> None:
        assert self.fresh, "the old instance is ended before anything is read back"
        self.absent = found is Found.NONE
        self.tell(WasReadBack(found))

    @invariant()
    def goes_on_or_is_dead(self) -> None:
        """There is always one thing to wait for, unless the lane is dead; and a dead lane owes nobody an answer."""
        if isinstance(self.lane.stage, Dead):
            assert self.batch is None
        else:
            assert isinstance(self.last, (Renew, Take, Produce, Commit, Abort, ReadBack))


TestLaneMachine = LaneMachine.TestCase
TestLaneMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
