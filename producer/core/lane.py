"""The decision table of a lane: what to do next when something has happened.

Theory of operation
-------------------
A lane is one thread with one transactional producer. The thread decides nothing; it carries out actions and reports the
result of the last one as an event. This table holds everything that matters for exactly-once:

    INIT -> READY -> OPEN -> COMMITTING -> READY          the normal cycle
    OPEN -> ABORTING -> TAINTED -> READY                  an error before the commit was sent
    COMMITTING -> RESOLVING -> READY                      the commit may have left the client
    COMMITTING -> TAINTED -> READY                        it succeeded, but may have been sent more than once
    any -> DEAD                                           fenced twice within five minutes, or told to stop

* Each `decide` returns exactly one action that yields the next event (the last one), unless the lane is DEAD.
* A lane leaves TAINTED and RESOLVING only over a NEW instance of the client (`Renew`), whose `init_transactions` raises
  the epoch: the client speaks transactions V1, so an EndTxn that was delayed on the way would otherwise end a later
  transaction of the same instance (reproduced: it committed that transaction's records).
* `NotCommitted` is said only when it is proven: the abort succeeded, or there is a new instance and no commit was ever
  sent, or the partitions were read back past every place that the records could have.
* `decide` is called by the lane's thread alone; a `Lane` is immutable.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from producer.core.availability import Available, Unavailable
from producer.core.calls import Batch
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
    Verdict,
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


@dataclass(frozen=True, slots=True)
class Rules:
    """The lane's times. ``commit_limit_s`` is the transaction time-out, after which the broker aborts."""

    commit_limit_s: float = 15.0
    commit_slice_s: float = 1.0
    resolve_limit_s: float = 30.0  # the commit limit again, for another's open transaction, and as much once more
    fence_delay_s: float = 3.0  # so that the fencer can finish its work before it is fenced in turn
    fence_window_s: float = 300.0
    backoff_first_s: float = 0.1
    backoff_max_s: float = 5.0

    def __post_init__(self) -> None:
        assert 0 < self.commit_slice_s <= self.commit_limit_s <= self.resolve_limit_s
        assert 0 < self.fence_delay_s < self.fence_window_s
        assert 0 < self.backoff_first_s <= self.backoff_max_s

    def backoff_s(self, failures: int) -> float:
        """Return the delay after so many failures in a row."""
        return (
            0.0 if failures == 0 else float(min(self.backoff_max_s, self.backoff_first_s * 2 ** min(failures - 1, 16)))
        )


@dataclass(frozen=True, slots=True)
class Lane:
    """A lane's stage and what it remembers: failures in a row, and when it was last fenced."""

    stage: LaneStage
    failures: int = 0
    fenced_at_s: float | None = None


Decision: TypeAlias = tuple[Lane, tuple[Action, ...]]


class IllegalEvent(Exception):  # noqa: N818 - a broken invariant, not an operating error
    """The thread reported what cannot happen in this stage: a defect."""

    def __init__(self, stage: LaneStage, event: Event) -> None:
        super().__init__(f"{type(event).__name__} in stage {type(stage).__name__}")


def start() -> Decision:
    """Return the first lane and its first action."""
    return Lane(Init()), (Renew(0.0),)


def decide(lane: Lane, event: Event, now_s: float, rules: Rules) -> Decision:  # noqa: PLR0911 - one row a stage
    """Return what the lane is after ``event`` and what it does next. ``now_s`` is a monotonic time."""
    match lane.stage:
        case Init() | Tainted():
            return _without_instance(lane, event, now_s, rules)
        case Ready():
            return _ready(lane, lane.stage, event)
        case Open(batch):
            return _open(lane, batch, event, now_s, rules)
        case Committing():
            return _committing(lane, lane.stage, event, now_s, rules)
        case Aborting():
            return _aborting(lane, lane.stage, event, now_s, rules)
        case Resolving():
            return _resolving(lane, lane.stage, event, now_s, rules)
        case Dead():
            return lane, ()
        case _:
            assert_never(lane.stage)


def _without_instance(lane: Lane, event: Event, now_s: float, rules: Rules) -> Decision:
    match event:
        case Renewed():
            return replace(lane, stage=Ready()), (Report(Available()), Take())
        case RenewFailed(Trouble(Kind.FENCED, text)):
            return _fenced(lane, Tainted(), text, now_s, rules)
        case RenewFailed(trouble):
            failed = replace(lane, failures=lane.failures + 1)
            return failed, (Report(Unavailable(trouble.text)), Renew(rules.backoff_s(failed.failures)))
        case Stop():
            return _stopped(lane)
    raise IllegalEvent(lane.stage, event)


def _ready(lane: Lane, stage: Ready, event: Event) -> Decision:
    match event:
        case Taken(batch):
            return replace(lane, stage=Open(batch)), (Produce(batch),)
        case Suspected():
            return replace(lane, stage=Tainted()), (Renew(0.0),)
        case Stop():
            return _stopped(lane)
    raise IllegalEvent(stage, event)


def _open(lane: Lane, batch: Batch, event: Event, now_s: float, rules: Rules) -> Decision:
    match event:
        case Delivered(offsets):
            return replace(lane, stage=Committing(batch, offsets, now_s)), (Commit(rules.commit_slice_s),)
        case ProduceFailed(Trouble(Kind.FENCED, text)):
            fenced, actions = _fenced(lane, Tainted(), text, now_s, rules)
            return fenced, (Answer(batch, NotCommitted(text, fenced=True)), *actions)
        case ProduceFailed(Trouble(Kind.FATAL, text)):
            return _resolve(lane, Resolving(batch, None, now_s, text), rules)
        case ProduceFailed(trouble):
            return replace(lane, stage=Aborting(batch, trouble.text)), (Abort(),)
    raise IllegalEvent(lane.stage, event)


def _committing(lane: Lane, stage: Committing, event: Event, now_s: float, rules: Rules) -> Decision:
    batch, offsets = stage.batch, stage.offsets
    match event:
        case CommitReturned():
            return replace(lane, stage=Ready(), failures=0), (Answer(batch, Committed(offsets)), Take())
        case CommitSuspected():
            return replace(lane, stage=Tainted(), failures=0), (Answer(batch, Committed(offsets)), Renew(0.0))
        case CommitTimedOut() if now_s - stage.since_s < rules.commit_limit_s:
            return lane, (Commit(rules.commit_slice_s),)
        case CommitTimedOut():
            text = f"the commit was not answered for {now_s - stage.since_s:.1f} s"
            return _resolve(lane, Resolving(batch, offsets, now_s, text), rules)
        case CommitFailed(Trouble(Kind.FENCED, text)):
            return _fenced(lane, Resolving(batch, offsets, now_s, text), text, now_s, rules)
        case CommitFailed(trouble):
            return _resolve(lane, Resolving(batch, offsets, now_s, trouble.text), rules)
    raise IllegalEvent(stage, event)


def _aborting(lane: Lane, stage: Aborting, event: Event, now_s: float, rules: Rules) -> Decision:
    match event:
        case Aborted():
            tainted = replace(lane, stage=Tainted(), failures=lane.failures + 1)
            # The first abort in a row costs no delay; the batch is queued again until the lane is ready.
            return tainted, (Answer(stage.batch, NotCommitted(stage.cause)), Renew(rules.backoff_s(lane.failures)))
        case AbortFailed(Trouble(Kind.FENCED, text)):
            fenced, actions = _fenced(lane, Tainted(), text, now_s, rules)
            return fenced, (Answer(stage.batch, NotCommitted(text, fenced=True)), *actions)
        case AbortFailed(trouble):
            cause = f"{stage.cause}; then the abort failed: {trouble.text}"
            return _resolve(lane, Resolving(stage.batch, None, now_s, cause), rules)
    raise IllegalEvent(stage, event)


def _resolving(  # noqa: PLR0911 - one row an event
    lane: Lane, stage: Resolving, event: Event, now_s: float, rules: Rules
) -> Decision:
    late = now_s - stage.since_s >= rules.resolve_limit_s
    match event:
        case Renewed() if stage.offsets is not None:
            return lane, (Report(Available()), ReadBack(stage.batch, stage.offsets, 0.0))
        case Renewed():
            return _resolved(lane, stage, NotCommitted(stage.cause))
        case RenewFailed(Trouble(Kind.FENCED, text)):
            return _fenced(lane, stage, text, now_s, rules)
        case RenewFailed(trouble):
            failed = replace(lane, failures=lane.failures + 1)
            retry = (Report(Unavailable(trouble.text)), Renew(rules.backoff_s(failed.failures)))
            if late:
                return replace(failed, stage=Tainted()), (Answer(stage.batch, Unknown(stage.cause)), *retry)
            return failed, retry
        case WasReadBack(Found.UNDECIDED, detail) if stage.offsets is not None and not late:
            return lane, (ReadBack(stage.batch, stage.offsets, rules.backoff_first_s),)
        case WasReadBack(found, detail) if stage.offsets is not None:
            return _resolved(lane, stage, _verdict(stage.offsets, found, f"{stage.cause}; {detail}"))
        case Stop():
            return replace(lane, stage=Dead("stopped")), (Answer(stage.batch, Unknown(stage.cause)),)
    raise IllegalEvent(stage, event)


def _resolved(lane: Lane, stage: Resolving, verdict: Verdict) -> Decision:
    failures = 0 if isinstance(verdict, Committed) else lane.failures
    return replace(lane, stage=Ready(), failures=failures), (Answer(stage.batch, verdict), Report(Available()), Take())


def _verdict(offsets: Sequence[int], found: Found, cause: str) -> Verdict:
    match found:
        case Found.ALL:
            return Committed(offsets)
        case Found.NONE:
            return NotCommitted(cause)
        case Found.SOME | Found.UNDECIDED:
            return Unknown(cause)
        case _:
            assert_never(found)


def _resolve(lane: Lane, stage: Resolving, rules: Rules) -> Decision:
    failed = replace(lane, stage=stage, failures=lane.failures + 1)
    return failed, (Renew(rules.backoff_s(lane.failures)),)


def _fenced(lane: Lane, after: Tainted | Resolving, text: str, now_s: float, rules: Rules) -> Decision:
    """Renew once, after a delay; give way the second time, so that two of one name do not fence each other in turns."""
    first = lane.fenced_at_s is None or now_s - lane.fenced_at_s >= rules.fence_window_s
    fenced = replace(lane, fenced_at_s=now_s, failures=lane.failures + 1)
    if first:
        return replace(fenced, stage=after), (Report(Unavailable(f"fenced: {text}")), Renew(rules.fence_delay_s))
    cause = f"fenced a second time within {rules.fence_window_s:.0f} s: {text}"
    answers = (Answer(after.batch, Unknown(cause)),) if isinstance(after, Resolving) else ()
    return replace(fenced, stage=Dead(cause)), (*answers, Report(Unavailable(cause)), End(cause))


def _stopped(lane: Lane) -> Decision:
    return replace(lane, stage=Dead("stopped")), ()
