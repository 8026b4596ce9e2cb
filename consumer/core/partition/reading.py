"""The rows of a partition that is read: what a fetch and a block may bring, and what each round looks at."""

from dataclasses import replace

from consumer.core.partition.actions import CompareChain, EndMember
from consumer.core.partition.events import (
    Appended,
    BatchTooLarge,
    Contradicted,
    EndReached,
    Event,
    NoRoom,
    NothingNew,
    OutOfRange,
    ReadFailed,
    Replayed,
    SchemasMissing,
    Tick,
    TopicReplaced,
)
from consumer.core.partition.model import Decided, Partition, Rules
from consumer.core.partition.stages import Job, Reading
from consumer.core.partition.state import Paused, Recovering
from consumer.core.partition.steps import (
    ask_recovery,
    at_rest,
    letters_first,
    look_up,
    pause,
    read_on,
    refuse,
    shown_while_read,
    stopped,
    wait_for,
)
from tally.event.claims import NO_CLAIMS
from tally.event.dead_letter import Letter
from tally.ledger.state.fold import LedgerState

_TOPIC_REPLACED = "the topic's id has changed"
"""Nothing of it is appended. Recovery compares the identities and words the refusal."""
_OUT_OF_RANGE = "the ledger's next offset is outside the log"
"""Recovery looks at the log's ends and says what it means."""


def taking_in(  # noqa: PLR0911 - one row an event
    partition: Partition, event: Event, now_s: float, rules: Rules
) -> Decided:
    """What may come of a batch of a partition, whether it is read alone or with others; then it is read with others."""
    match event:
        case Appended(ledger, letters, wait):
            appended = _appended(partition, ledger, letters)
            return read_on(appended, now_s, rules) if wait is None else look_up(appended, wait, now_s)
        case NothingNew():
            return read_on(partition, now_s, rules)
        case SchemasMissing(wait):
            return look_up(partition, wait, now_s)
        case NoRoom(reason, cure) | ReadFailed(reason, cure):
            return pause(partition, Paused(reason, cure), now_s, rules)
        case TopicReplaced():
            return ask_recovery(partition, _TOPIC_REPLACED, now_s, rules)
        case Contradicted(reason, cure):
            return refuse(partition, reason, cure)
    return at_rest(partition, event)


def reading(  # noqa: PLR0911 - one row an event
    partition: Partition, stage: Reading, event: Event, now_s: float, rules: Rules
) -> Decided:
    """What may come of a partition that is read with others."""
    match event:
        case Tick():
            return _watched(partition, stage, event, now_s, rules)
        case Appended(ledger, letters, None):
            written = replace(_appended(partition, ledger, letters), stage=replace(stage, waited_s=0.0))
            return replace(written, shown=shown_while_read(written)), ()
        case NothingNew():
            return partition, ()
        case EndReached(position):
            return replace(partition, position=position), ()
        case OutOfRange():
            return stopped(*ask_recovery(partition, _OUT_OF_RANGE, now_s, rules))
        case BatchTooLarge():
            text = f"reading on at offset {partition.durable} alone: a batch is large"
            return stopped(wait_for(partition, Job.LONE_READ, now_s, Recovering(text)))
        case Replayed():
            replayed = replace(partition, replay=None, claims=NO_CLAIMS)
            return letters_first(replace(replayed, shown=shown_while_read(replayed)))
    return stopped(*taking_in(partition, event, now_s, rules))


def _watched(partition: Partition, stage: Reading, tick: Tick, now_s: float, rules: Rules) -> Decided:
    """What each round looks at while a partition is read."""
    assert partition.ledger is not None, "a partition that is read has a ledger"
    if tick.topic_id not in (None, partition.ledger.topic_id):
        # Nothing was fetched that would show it.
        return stopped(*ask_recovery(partition, _TOPIC_REPLACED, now_s, rules))
    waited_s = stage.waited_s + tick.waited_s
    stalls = partition.stalls
    if tick.log_end is None or tick.log_end <= max(partition.durable, partition.position or 0):
        waited_s, stalls = 0.0, 0
    elif waited_s >= rules.stall_s:
        return _stalled(partition, tick.log_end, now_s, rules)
    partition = replace(partition, stage=replace(stage, waited_s=waited_s), stalls=stalls)
    if partition.replay is not None and partition.durable >= partition.replay.until:
        return partition, (CompareChain(partition.replay),)
    if partition.replay is not None and (partition.position or 0) >= partition.replay.until:
        return stopped(*refuse(partition, *nothing_up_to(partition.replay.until, partition.durable)))
    if partition.trouble is not None and now_s >= stage.trouble_until_s:
        partition = replace(partition, trouble=None)
        partition = replace(partition, shown=shown_while_read(partition))
    return letters_first(partition)


def _stalled(partition: Partition, end: int, now_s: float, rules: Rules) -> Decided:
    """Begin reading again when the log has records that do not come, and in the end with a new member.

    Only waiting counts. A partition whose records stand behind those of others comes when its turn is there, and
    reading it again would throw them away (seen with three million records to catch up on a busy machine).
    What a broker gives to nobody looks different: its last stable offset does not move either (seen: after a
    SIGKILL of a single broker right behind a commit it stood still until that transaction's producer began again).
    """
    what = f"partition {partition.number} gives no records from {partition.durable} on, to {end}"
    if partition.stalls >= rules.stalls_max:
        return replace(partition, stalls=0), (EndMember(what),)
    return read_on(replace(partition, stalls=partition.stalls + 1), now_s, rules, because=what)


def _appended(partition: Partition, ledger: LedgerState, letters: tuple[Letter, ...]) -> Partition:
    assert partition.ledger is not None, "a partition that is written has a ledger"
    wait = partition.wait
    return replace(
        partition,
        ledger=replace(partition.ledger, state=ledger),
        letters=partition.letters + letters,
        wait=None if wait is not None and ledger.next_offset >= wait.until else wait,
        trouble=None,
        stalls=0,
    )


def nothing_up_to(until: int, next_offset: int) -> tuple[str, str]:
    """Return reason and cure of a replay whose end no record reaches."""
    reason = f"offset {until} is committed, but no record lies between {next_offset} and it: not a commit of Tally"
    cure = "Stop every consumer, run `tally repair --forget-commits` and start again: then the ledger rules."
    return reason, cure
