"""The decision table of a partition as rows: before, event, after, actions. One or more for each thing it decides."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from consumer.core.partition.actions import (
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
)
from consumer.core.partition.model import Partition
from consumer.core.partition.stages import Job, Leaving, Reading, Waiting, Working
from consumer.core.partition.state import Unassigned
from tests_support.consumer.partition_job_rows import JOB_ROWS
from tests_support.consumer.partition_values import (
    ALONE,
    ASSIGNED,
    BEGUN,
    CLAIMS,
    EVENTS,
    FRESH,
    GONE,
    LATE,
    LATER,
    LETTER,
    LONE,
    LOOKING_UP,
    MAKE_ROOM,
    NOTHING_THERE,
    NOW,
    NUMBER,
    OLD,
    OTHER,
    OUTSIDE,
    PUBLICATION,
    READ_AND_NOT,
    RECOVERY,
    REFUSED,
    REPLAY,
    REPLAYING,
    STAGES,
    STALL,
    TOPIC_CHANGED,
    TOPIC_ID,
    TROUBLE,
    WAIT,
    TableRow,
    ledger_at,
    letter_at,
    ours,
    state_at,
)

COMING_AND_GOING: Final = [
    TableRow("an assigned partition is recovered", GONE, Assigned(), BEGUN),
    TableRow(
        "one whose former self is still worked on waits for that",
        Partition(NUMBER, Leaving(Job.LONE_READ)),
        Assigned(),
        Partition(NUMBER, Leaving(Job.LONE_READ, assigned_again=True), ASSIGNED),
    ),
    TableRow(
        "its former self's ledger is closed before it begins",
        Partition(NUMBER, Leaving(Job.RECOVERY, assigned_again=True), ASSIGNED),
        JobEnded(),
        BEGUN,
        (Close(),),
    ),
    TableRow("one that left is closed", Partition(NUMBER, Leaving(Job.PUBLICATION)), JobEnded(), GONE, (Close(),)),
    TableRow(
        "one that was assigned again and released is only closed",
        Partition(NUMBER, Leaving(Job.RECOVERY, assigned_again=True), ASSIGNED),
        Released(),
        Partition(NUMBER, Leaving(Job.RECOVERY)),
    ),
    *(
        TableRow(
            f"released in {name}: closed at once", ours(stage, shown), Released(), GONE, (TurnReadersAway(), Close())
        )
        for name, stage, shown in READ_AND_NOT
    ),
    *(
        TableRow(
            f"released in the {job.value}: closed when that is over",
            ours(Working(job), TROUBLE),
            Released(),
            Partition(NUMBER, Leaving(job)),
            (TurnReadersAway(),),
        )
        for job in Job
    ),
]

COMMITS: Final = [
    TableRow("a commit is taken note of", ours(OLD), OffsetCommitted(10), ours(OLD, committed=10)),
    TableRow("a late answer takes nothing back", ours(OLD, committed=9), OffsetCommitted(7), ours(OLD, committed=9)),
    TableRow("the first commit", ours(OLD, committed=None), OffsetCommitted(7), ours(OLD, committed=7)),
    TableRow("an answer that comes after the release", GONE, OffsetCommitted(10), GONE),
]

DUE: Final = [
    TableRow("recovery begins when it is due", BEGUN, Tick(), replace(BEGUN, stage=RECOVERY), (Recover(None),)),
    TableRow(
        "recovery asks for the schemas that are missing",
        ours(Waiting(Job.RECOVERY, NOW), wait=WAIT),
        Tick(),
        ours(RECOVERY, wait=WAIT),
        (Recover(WAIT),),
    ),
    TableRow(
        "nothing begins before it is due",
        ours(Waiting(Job.RECOVERY, LATER)),
        Tick(),
        ours(Waiting(Job.RECOVERY, LATER)),
    ),
    TableRow(
        "publication begins when it is due",
        ours(Waiting(Job.PUBLICATION, NOW), letters=(LETTER,)),
        Tick(),
        ours(PUBLICATION, letters=(LETTER,)),
        (Publish((LETTER,), 10),),
    ),
    TableRow(
        "a batch is read alone", ours(Waiting(Job.LONE_READ, NOW), ALONE), Tick(), ours(LONE, ALONE), (ReadAlone(10),)
    ),
    TableRow(
        "one at a time",
        ours(Waiting(Job.LONE_READ, NOW), ALONE),
        Tick(lone_read_free=False),
        ours(Waiting(Job.LONE_READ, NOW), ALONE),
    ),
    TableRow(
        "others go on beside a batch that is read alone",
        ours(Waiting(Job.RECOVERY, NOW), TROUBLE),
        Tick(lone_read_free=False),
        ours(RECOVERY, TROUBLE),
        (Recover(None),),
    ),
]

READS: Final = [
    TableRow("a block is in the ledger", ours(OLD, stalls=1), Appended(state_at(12)),
             ours(Reading(NOW + 1.0), ledger=ledger_at(12))),
    TableRow("a block ends what was shown", ours(OLD, TROUBLE, trouble=TROUBLE), Appended(state_at(12)),
             ours(Reading(NOW + 1.0), ledger=ledger_at(12))),
    TableRow("its poison joins what waits", ours(OLD, letters=(LETTER,)), Appended(state_at(12), (letter_at(11),)),
             ours(Reading(NOW + 1.0), ledger=ledger_at(12), letters=(LETTER, letter_at(11)))),
    TableRow("a wait that is not over is kept", ours(OLD, wait=WAIT), Appended(state_at(14)),
             ours(Reading(NOW + 1.0), ledger=ledger_at(14), wait=WAIT)),
    TableRow("a wait ends with its last record", ours(OLD, wait=WAIT), Appended(state_at(15)),
             ours(Reading(NOW + 1.0), ledger=ledger_at(15))),
    TableRow("behind a block stands a schema that nobody knows", ours(OLD), Appended(state_at(11), wait=WAIT),
             ours(Waiting(Job.RECOVERY, NOW), LOOKING_UP, ledger=ledger_at(11), wait=WAIT), (StopReading(),)),
    TableRow("the poison before such a schema is published first", ours(OLD), Appended(state_at(11), (LETTER,), WAIT),
             ours(Waiting(Job.PUBLICATION, NOW), LOOKING_UP, ledger=ledger_at(11), wait=WAIT, letters=(LETTER,)),
             (StopReading(),)),
    TableRow("the ledger had all of it", ours(OLD), NothingNew(), ours(OLD)),
    TableRow("the first record has a schema that nobody knows", ours(OLD), SchemasMissing(WAIT),
             ours(Waiting(Job.RECOVERY, NOW), LOOKING_UP, wait=WAIT), (StopReading(),)),
    TableRow("there is no room", ours(OLD), NoRoom(OTHER.reason, MAKE_ROOM),
             ours(Waiting(Job.RECOVERY, LATER), OTHER, trouble=OTHER), (StopReading(),)),
    TableRow("it contradicts the ledger or its replay", ours(OLD), Contradicted(REFUSED.reason, REFUSED.cure),
             ours(REFUSED, REFUSED), (StopReading(),)),
    TableRow("so may one that is in trouble", ours(OLD, TROUBLE, trouble=TROUBLE),
             Contradicted(REFUSED.reason, REFUSED.cure), ours(REFUSED, REFUSED, trouble=TROUBLE), (StopReading(),)),
    TableRow("records cannot be had", ours(OLD), ReadFailed(TROUBLE.reason, TROUBLE.cure),
             ours(Waiting(Job.RECOVERY, LATER), TROUBLE, trouble=TROUBLE), (StopReading(),)),
    TableRow("the topic was made again", ours(OLD, TROUBLE, trouble=TROUBLE), TopicReplaced(),
             ours(Waiting(Job.RECOVERY, LATER), TOPIC_CHANGED), (StopReading(),)),
    TableRow("the position is outside the log", ours(OLD, TROUBLE, trouble=TROUBLE), OutOfRange(),
             ours(Waiting(Job.RECOVERY, LATER), OUTSIDE), (StopReading(),)),
    TableRow("the next batch is too large", ours(OLD), BatchTooLarge(),
             ours(Waiting(Job.LONE_READ, NOW), ALONE), (StopReading(),)),
    TableRow("poison before such a batch is published first", ours(OLD, letters=(LETTER,)), BatchTooLarge(),
             ours(Waiting(Job.PUBLICATION, NOW), ALONE, letters=(LETTER,)), (StopReading(),)),
    TableRow("a pause while it replays is no publication", ours(OLD, REPLAYING, replay=REPLAY, letters=(LETTER,)),
             ReadFailed(TROUBLE.reason, TROUBLE.cure),
             ours(Waiting(Job.RECOVERY, LATER), TROUBLE, trouble=TROUBLE, replay=REPLAY, letters=(LETTER,)),
             (StopReading(),)),
    TableRow("the end of the log", ours(OLD), EndReached(11), ours(OLD, position=11)),
]  # fmt: skip

WATCHED: Final = [
    TableRow("time passes", ours(OLD), Tick(1.0, log_end=17), ours(replace(OLD, waited_s=4.0))),
    TableRow("all is read: nobody waits", ours(OLD, position=11, stalls=1), Tick(1.0, log_end=11),
             ours(Reading(NOW + 1.0), position=11)),
    TableRow("all is in the ledger: nobody waits", ours(OLD, stalls=1), Tick(20.0, log_end=10),
             ours(Reading(NOW + 1.0))),
    TableRow("records do not come: reading begins again", ours(OLD), Tick(9.0, log_end=17),
             ours(FRESH, stalls=1), (Read(10, STALL),)),
    TableRow("and then a new member", ours(OLD, stalls=1), Tick(9.0, log_end=17), ours(OLD), (EndMember(STALL),)),
    TableRow("Kafka tells another topic id", ours(OLD), Tick(topic_id="topic-2"),
             ours(Waiting(Job.RECOVERY, LATER), TOPIC_CHANGED), (StopReading(),)),
    TableRow("Kafka tells the ledger's topic id", ours(OLD), Tick(topic_id=TOPIC_ID), ours(Reading(NOW + 1.0))),
    TableRow("a pause is shown for a while", ours(OLD, TROUBLE, trouble=TROUBLE), Tick(),
             ours(Reading(NOW + 1.0), TROUBLE, trouble=TROUBLE)),
    TableRow("and not for ever", ours(OLD, TROUBLE, trouble=TROUBLE), Tick(), ours(Reading(NOW + 1.0)), (), NOW + 1.0),
    TableRow("poison is published before reading goes on", ours(OLD, letters=(LETTER,)), Tick(),
             ours(PUBLICATION, letters=(LETTER,)), (StopReading(), Publish((LETTER,), 10))),
    TableRow("while it replays nothing is published", ours(OLD, REPLAYING, replay=REPLAY, letters=(LETTER,)), Tick(),
             ours(Reading(NOW + 1.0), REPLAYING, replay=REPLAY, letters=(LETTER,))),
    TableRow("a replay is compared at its end", ours(OLD, REPLAYING, replay=REPLAY, ledger=ledger_at(20)), Tick(),
             ours(Reading(NOW + 1.0), REPLAYING, replay=REPLAY, ledger=ledger_at(20)), (CompareChain(REPLAY),)),
    TableRow("a replay that finds nothing is refused", ours(OLD, REPLAYING, replay=REPLAY, position=20), Tick(),
             ours(NOTHING_THERE, NOTHING_THERE, replay=REPLAY, position=20), (StopReading(),)),
    TableRow("a replay that is on its way goes on", ours(OLD, REPLAYING, replay=REPLAY, position=19), Tick(),
             ours(Reading(NOW + 1.0), REPLAYING, replay=REPLAY, position=19)),
    TableRow("replayed, it runs", ours(OLD, REPLAYING, replay=REPLAY, claims=CLAIMS), Replayed(), ours(OLD)),
    TableRow("replayed, its poison is published", ours(OLD, REPLAYING, replay=REPLAY, letters=(LETTER,)), Replayed(),
             ours(PUBLICATION, letters=(LETTER,)), (StopReading(), Publish((LETTER,), 10))),
]  # fmt: skip

ROWS: Final = [*COMING_AND_GOING, *COMMITS, *DUE, *JOB_ROWS, *READS, *WATCHED]

# What the table has no row for: ignored, or a defect.


def kind_of(partition: Partition) -> object:
    """Return what tells one stage's rows from another's."""
    stage = partition.stage
    return stage.job if isinstance(stage, Working) else type(stage)


def without_a_row() -> Iterator[tuple[Partition, Event]]:
    """Yield each stage with each event that has no row for it."""
    told = {(kind_of(row.before), type(row.event)) for row in ROWS}
    for partition in STAGES:
        for event in EVENTS:
            if (kind_of(partition), type(event)) not in told:
                yield partition, event


def is_late(partition: Partition, event: Event) -> bool:
    """Tell whether an event without a row may come all the same, and changes nothing."""
    if isinstance(event, OffsetCommitted):
        return True  # in every stage the same
    if isinstance(event, Released):
        return isinstance(partition.stage, Unassigned)
    return isinstance(event, LATE)
