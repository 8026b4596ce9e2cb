"""What follows in a partition's decision table, whatever led there: reading on, pauses, jobs, refusals."""

from dataclasses import replace
from typing import assert_never

from consumer.core.partition.actions import Action, Publish, Read, ReadAlone, Recover, StopReading
from consumer.core.partition.events import BatchTooLarge, EndReached, Event, OutOfRange, ReadFailed, Tick
from consumer.core.partition.model import Decided, IllegalEvent, Partition, Rules
from consumer.core.partition.stages import Job, Reading, Waiting, Working
from consumer.core.partition.state import Paused, Recovering, Refused, Running, State
from consumer.core.schema_wait import SchemaWait


def read_on(partition: Partition, now_s: float, rules: Rules, because: str = "") -> Decided:
    """Read on at the ledger's next offset."""
    reading = replace(partition, stage=Reading(now_s + rules.trouble_shown_s), position=None)
    return replace(reading, shown=shown_while_read(reading)), (Read(reading.durable, because),)


def shown_while_read(partition: Partition) -> State:
    """Return what is shown of a partition that is read."""
    if partition.trouble is not None:
        return partition.trouble
    if partition.replay is not None:
        return Recovering(f"replaying the topic up to committed offset {partition.replay.until}")
    return Running()


def letters_first(partition: Partition) -> Decided:
    """No record is read on before the poison in the ledger is published, except while nothing may be committed."""
    if not partition.letters or partition.replay is not None:
        return partition, ()
    publishing, actions = start_job(partition, Job.PUBLICATION)
    return publishing, (StopReading(), *actions)


def start_job(partition: Partition, job: Job) -> Decided:
    """Let another thread begin."""
    working = replace(partition, stage=Working(job))
    match job:
        case Job.RECOVERY:
            return working, (Recover(partition.wait),)
        case Job.PUBLICATION:
            return working, (Publish(partition.letters, partition.durable),)
        case Job.LONE_READ:
            return working, (ReadAlone(partition.durable),)
        case _:
            assert_never(job)


def acknowledged(partition: Partition, next_offset: int) -> Partition:
    """Take note that the group has this next offset; a late answer takes nothing back."""
    if partition.ledger is None:
        return partition  # the answer is to a commit before it was given up
    assert next_offset <= partition.durable, f"committed {next_offset} is past the durable {partition.durable} (I4)"
    return replace(partition, committed=max(next_offset, partition.committed or 0))


def look_up(partition: Partition, wait: SchemaWait, now_s: float) -> Decided:
    """Let recovery ask the registry for these schemas, at once."""
    some = ", ".join(map(str, wait.open_names[:5]))
    shown = Recovering(f"looking up {len(wait)} schemas, {some} among them")
    return wait_for(replace(partition, wait=wait), Job.RECOVERY, now_s, shown), ()


def pause(partition: Partition, trouble: Paused, now_s: float, rules: Rules) -> Decided:
    """Recovery tries again after a while; the reason is shown until a block succeeds."""
    return later(replace(partition, trouble=trouble), trouble, now_s, rules), ()


def ask_recovery(partition: Partition, reason: str, now_s: float, rules: Rules) -> Decided:
    """Recovery looks for itself after a while; then what it says is shown."""
    return later(replace(partition, trouble=None), Paused(reason), now_s, rules), ()


def later(partition: Partition, shown: State, now_s: float, rules: Rules) -> Partition:
    """Try again after a while."""
    return wait_for(partition, Job.RECOVERY, now_s + rules.retry_s, shown)


def wait_for(partition: Partition, job: Job, due_s: float, shown: State) -> Partition:
    """Wait for a job, but publish first the dead letters that are missing."""
    first = Job.PUBLICATION if partition.letters and partition.replay is None else job
    return replace(partition, stage=Waiting(first, due_s), shown=shown)


def refuse(partition: Partition, reason: str, cure: str, actions: tuple[Action, ...] = ()) -> Decided:
    """Nothing is done any more until a person has acted and the partition is assigned anew."""
    refused = Refused(reason, cure)
    return replace(partition, stage=refused, shown=refused), actions


def stopped(partition: Partition, actions: tuple[Action, ...] = ()) -> Decided:
    """Stop reading, before what follows, when it is not read any more."""
    return partition, actions if isinstance(partition.stage, Reading) else (StopReading(), *actions)


def at_rest(partition: Partition, event: Event) -> Decided:
    """A round ends for all, and a fetch may still tell of a partition that is not read any more."""
    match event:
        case Tick() | EndReached() | OutOfRange() | BatchTooLarge() | ReadFailed():
            return partition, ()
    raise IllegalEvent(partition, event)
