"""The decision table of a partition: what to do next when something happened.

Theory of operation
-------------------
The ingest loop knows nothing of its own: it tells the table what the group, a round or a job brought, and carries out
the actions. The stages, and what leads from one to the next:

    Unassigned --assigned--> Waiting               Waiting --due--> Working, in another thread
    Working --ledger, group and log agree--> Reading, or first Working on the dead letters that are missing
    Working --something is in the way--> Waiting, and the same again after a while
    Reading --trouble, or a schema nobody knows--> Waiting, for another recovery
    Reading --poison appended--> Working, on its dead letters --published--> Reading
    Reading --a batch too large--> Waiting --alone--> Working --read--> Writing --appended--> Reading
    Reading, Writing, Working --ledger and topic contradict each other--> Refused
    any of ours --released--> Unassigned, or Leaving until the other thread is done

* Every stage but Unassigned, Reading, Writing and Refused waits for one thing that has a bound: a job, or a time.
  Reading is watched for stalls; Writing ends in the round in which it began.
* Reading is entered by ``RecoverySucceeded`` or behind it, so nothing is read of a partition that was not recovered.
  What a pause interrupted goes on with another recovery, or with the publication or the lone read that was due.
* A ledger has one user: the loop while no job runs, the job else. A partition that is assigned again while a job of
  its former self runs waits in Leaving, so no ledger is opened twice.
* The rows of a partition that is read are in ``reading``; what several rows lead to, in ``steps``.
* What may be committed, and what readers see, is read off a partition: ``views``.
* What is shown is kept beside the stage: a pause is shown until a try succeeded, not only until it began.
* docs/DESIGN.md has both tables, of stages and of what is shown; a test compares them with this one.
* ``decide`` is called by the loop's thread alone; a ``Partition`` is immutable.
"""

from dataclasses import replace
from typing import Final, assert_never

from consumer.core.partition.actions import AdmitReaders, Close, TurnReadersAway
from consumer.core.partition.events import Assigned, Contradicted, Event, OffsetCommitted, Released, Tick
from consumer.core.partition.job_events import (
    JobEnded,
    LedgerFacts,
    LettersNotPublished,
    LettersPublished,
    LoneBatchRead,
    LoneReadFailed,
    RecoveryPostponed,
    RecoveryRefused,
    RecoverySucceeded,
)
from consumer.core.partition.model import Decided, IllegalEvent, Partition, Rules
from consumer.core.partition.reading import reading, taking_in
from consumer.core.partition.stages import Job, Leaving, Reading, Waiting, Working, Writing
from consumer.core.partition.state import Paused, Recovering, Refused, Unassigned
from consumer.core.partition.steps import acknowledged, at_rest, later, look_up, pause, read_on, refuse, start_job


def decide(partition: Partition, event: Event, now_s: float, rules: Rules) -> Decided:  # noqa: PLR0911 - one row a stage
    """Return what the partition is after ``event`` and what is done next. ``now_s`` is a monotonic time."""
    match event:
        case Assigned():
            return _assigned(partition, now_s)
        case Released():
            return _released(partition)
        case OffsetCommitted(next_offset):
            return acknowledged(partition, next_offset), ()
    match partition.stage:
        case Unassigned() | Refused():
            return at_rest(partition, event)
        case Waiting():
            return _waiting(partition, partition.stage, event, now_s)
        case Working(job):
            return _ENDS[job](partition, event, now_s, rules)
        case Writing():
            return taking_in(partition, event, now_s, rules)
        case Reading():
            return reading(partition, partition.stage, event, now_s, rules)
        case Leaving():
            return _leaving(partition, partition.stage, event, now_s)
        case _:
            assert_never(partition.stage)


# ------------------------------------------------------------------------------------------------ coming and going


def _assigned(partition: Partition, now_s: float) -> Decided:
    match partition.stage:
        case Unassigned():
            return _begun(partition.number, now_s), ()
        case Leaving(job, assigned_again=False):
            return Partition(partition.number, Leaving(job, assigned_again=True), Recovering("assigned")), ()
    raise IllegalEvent(partition, Assigned())


def _begun(number: int, now_s: float) -> Partition:
    return Partition(number, Waiting(Job.RECOVERY, now_s), Recovering("assigned"))


def _released(partition: Partition) -> Decided:
    """Whatever is read is given up with the partition, so nothing stops it here."""
    match partition.stage:
        case Unassigned():
            return partition, ()  # the end of the group's member gives up what the loop let go before
        case Working(job):
            return Partition(partition.number, Leaving(job)), (TurnReadersAway(),)
        case Leaving(job):
            return Partition(partition.number, Leaving(job)), ()
        case _:
            return Partition(partition.number), (TurnReadersAway(), Close())


def _leaving(partition: Partition, stage: Leaving, event: Event, now_s: float) -> Decided:
    match event:
        case JobEnded() if stage.assigned_again:
            return _begun(partition.number, now_s), (Close(),)
        case JobEnded():
            return Partition(partition.number), (Close(),)
    return at_rest(partition, event)


# --------------------------------------------------------------------------------------------------- other threads


def _waiting(partition: Partition, stage: Waiting, event: Event, now_s: float) -> Decided:
    match event:
        case Tick(lone_read_free=False) if stage.job is Job.LONE_READ:
            return partition, ()
        case Tick() if now_s >= stage.due_s:
            return start_job(partition, stage.job)
    return at_rest(partition, event)


def _recovering(partition: Partition, event: Event, now_s: float, rules: Rules) -> Decided:
    match event:
        case RecoverySucceeded():
            return _recovered(partition, event, now_s, rules)
        case RecoveryPostponed(ledger, reason, cure):
            opened, actions = _opened(partition, ledger)
            return later(opened, Paused(reason, cure), now_s, rules), actions
        case RecoveryRefused(ledger, reason, cure) if partition.doubt == reason:
            opened, actions = _opened(partition, ledger)
            return refuse(opened, reason, cure, actions)
        case RecoveryRefused(ledger, reason):
            # Looked at twice: right after a broker's start a log may look shorter than it is.
            opened, actions = _opened(replace(partition, doubt=reason), ledger)
            return later(opened, Recovering(f"looking again: {reason}"), now_s, rules), actions
    return at_rest(partition, event)


def _recovered(partition: Partition, event: RecoverySucceeded, now_s: float, rules: Rules) -> Decided:
    recovered = replace(
        partition,
        ledger=event.ledger,
        committed=event.committed,
        replay=event.replay,
        claims=event.claims,
        letters=event.letters,
        doubt=None,
    )
    going_on, actions = start_job(recovered, Job.PUBLICATION) if event.letters else read_on(recovered, now_s, rules)
    return going_on, (AdmitReaders(), *actions)


def _opened(partition: Partition, ledger: LedgerFacts | None) -> Decided:
    """Readers may look into a ledger that is open, whatever else is in the way."""
    if ledger is None:
        return partition, ()
    return replace(partition, ledger=ledger), (AdmitReaders(),)


def _publishing(partition: Partition, event: Event, now_s: float, rules: Rules) -> Decided:
    match event:
        case LettersPublished(next_offset):
            published = acknowledged(replace(partition, letters=()), next_offset)
            if published.wait is not None and published.wait.open_names:
                return look_up(published, published.wait, now_s)
            return read_on(published, now_s, rules)
        case LettersNotPublished(reason, cure):
            paused = Paused(f"poison is in the ledger, its {len(partition.letters)} {reason}", cure)
            return later(partition, paused, now_s, rules), ()
    return at_rest(partition, event)


def _reading_alone(partition: Partition, event: Event, now_s: float, rules: Rules) -> Decided:
    match event:
        case LoneBatchRead(found=True):
            return replace(partition, stage=Writing()), ()
        case LoneBatchRead():
            return read_on(partition, now_s, rules)
        case LoneReadFailed(reason, cure):
            return pause(partition, Paused(reason, cure), now_s, rules)
        case Contradicted(reason, cure):
            return refuse(partition, reason, cure)
    return at_rest(partition, event)


_ENDS: Final = {Job.RECOVERY: _recovering, Job.PUBLICATION: _publishing, Job.LONE_READ: _reading_alone}
"""By job, what may come of it."""
