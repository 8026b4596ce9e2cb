"""The rows of a partition's decision table that are about its jobs: recoveries, publications, batches read alone."""

from typing import Final

from consumer.core.partition.actions import AdmitReaders, Publish, Read
from consumer.core.partition.events import (
    Appended,
    Contradicted,
    NoRoom,
    NothingNew,
    ReadFailed,
    SchemasMissing,
    TopicReplaced,
)
from consumer.core.partition.job_events import (
    LettersNotPublished,
    LettersPublished,
    LoneBatchRead,
    LoneReadFailed,
    RecoveryPostponed,
    RecoveryRefused,
    RecoverySucceeded,
)
from consumer.core.partition.model import Partition
from consumer.core.partition.stages import Job, Waiting, Writing
from consumer.core.partition.state import Recovering
from tests_support.consumer.partition_values import (
    ALONE,
    ASSIGNED,
    CLAIMS,
    FRESH,
    LATER,
    LETTER,
    LONE,
    LOOKING_UP,
    MAKE_ROOM,
    NOW,
    NUMBER,
    OTHER,
    POISONED,
    PUBLICATION,
    RECOVERY,
    REFUSED,
    REPLAY,
    REPLAYING,
    SETTLED,
    TOPIC_CHANGED,
    TROUBLE,
    WAIT,
    TableRow,
    ledger_at,
    ours,
    state_at,
)

RECOVERIES: Final = [
    TableRow(
        "recovered, it is read",
        Partition(NUMBER, RECOVERY, ASSIGNED, doubt="shorter"),
        RecoverySucceeded(ledger_at(10), 5, claims=CLAIMS),
        ours(FRESH, claims=CLAIMS),
        (AdmitReaders(), Read(10)),
    ),
    TableRow(
        "recovered, the poison in the ledger is published first",
        Partition(NUMBER, RECOVERY, ASSIGNED),
        RecoverySucceeded(ledger_at(10), None, letters=(LETTER,)),
        ours(PUBLICATION, ASSIGNED, committed=None, letters=(LETTER,)),
        (AdmitReaders(), Publish((LETTER,), 10)),
    ),
    TableRow(
        "recovered behind the commit, it is replayed",
        Partition(NUMBER, RECOVERY, ASSIGNED),
        RecoverySucceeded(ledger_at(10), 20, REPLAY, CLAIMS),
        ours(FRESH, REPLAYING, committed=20, replay=REPLAY, claims=CLAIMS),
        (AdmitReaders(), Read(10)),
    ),
    TableRow(
        "a pause is shown until a block succeeds, not only until reading begins",
        ours(RECOVERY, TROUBLE, trouble=TROUBLE),
        RecoverySucceeded(ledger_at(10), 5),
        ours(FRESH, TROUBLE, trouble=TROUBLE),
        (AdmitReaders(), Read(10)),
    ),
    TableRow(
        "a pause that recovery explains is over with it",
        ours(RECOVERY, TOPIC_CHANGED),
        RecoverySucceeded(ledger_at(10), 5),
        ours(FRESH),
        (AdmitReaders(), Read(10)),
    ),
    TableRow(
        "what is in the way is tried again",
        Partition(NUMBER, RECOVERY, ASSIGNED),
        RecoveryPostponed(None, TROUBLE.reason, TROUBLE.cure),
        Partition(NUMBER, Waiting(Job.RECOVERY, LATER), TROUBLE),
    ),
    TableRow(
        "a ledger that is open is shown to readers whatever is in the way",
        Partition(NUMBER, RECOVERY, ASSIGNED),
        RecoveryPostponed(ledger_at(10), TROUBLE.reason, TROUBLE.cure),
        Partition(NUMBER, Waiting(Job.RECOVERY, LATER), TROUBLE, ledger_at(10)),
        (AdmitReaders(),),
    ),
    TableRow(
        "a contradiction is looked at again",
        ours(RECOVERY),
        RecoveryRefused(ledger_at(10), REFUSED.reason, REFUSED.cure),
        ours(Waiting(Job.RECOVERY, LATER), Recovering("looking again: another chain"), doubt=REFUSED.reason),
        (AdmitReaders(),),
    ),
    TableRow(
        "another contradiction is another doubt",
        ours(RECOVERY, TROUBLE, doubt="shorter"),
        RecoveryRefused(None, REFUSED.reason, REFUSED.cure),
        ours(Waiting(Job.RECOVERY, LATER), Recovering("looking again: another chain"), doubt=REFUSED.reason),
    ),
    TableRow(
        "the same contradiction again is a refusal",
        ours(RECOVERY, Recovering("looking again: another chain"), doubt=REFUSED.reason),
        RecoveryRefused(ledger_at(10), REFUSED.reason, REFUSED.cure),
        ours(REFUSED, REFUSED, doubt=REFUSED.reason),
        (AdmitReaders(),),
    ),
]

PUBLICATIONS: Final = [
    TableRow(
        "published, it is read",
        ours(PUBLICATION, POISONED, letters=(LETTER,)),
        LettersPublished(10),
        ours(FRESH, committed=10),
        (Read(10),),
    ),
    TableRow(
        "published, the schemas that are missing are asked for",
        ours(PUBLICATION, LOOKING_UP, letters=(LETTER,), wait=WAIT),
        LettersPublished(10),
        ours(Waiting(Job.RECOVERY, NOW), LOOKING_UP, committed=10, wait=WAIT),
    ),
    TableRow(
        "published, schemas that are there are not asked for again",
        ours(PUBLICATION, letters=(LETTER,), wait=SETTLED),
        LettersPublished(10),
        ours(FRESH, committed=10, wait=SETTLED),
        (Read(10),),
    ),
    TableRow(
        "what is not published is published again later",
        ours(PUBLICATION, letters=(LETTER,)),
        LettersNotPublished("dead letters wait: timed out", "Grant it."),
        ours(Waiting(Job.PUBLICATION, LATER), POISONED, letters=(LETTER,)),
    ),
]

LONE_READS: Final = [
    TableRow("a batch was read alone", ours(LONE, ALONE), LoneBatchRead(found=True), ours(Writing(), ALONE)),
    TableRow("nothing was there", ours(LONE, ALONE), LoneBatchRead(found=False), ours(FRESH), (Read(10),)),
    TableRow(
        "trouble on the way to it",
        ours(LONE, ALONE),
        LoneReadFailed(TROUBLE.reason, TROUBLE.cure),
        ours(Waiting(Job.RECOVERY, LATER), TROUBLE, trouble=TROUBLE),
    ),
    TableRow(
        "it can never be read",
        ours(LONE, ALONE),
        Contradicted(REFUSED.reason, REFUSED.cure),
        ours(REFUSED, REFUSED),
    ),
    TableRow(
        "a batch that was read alone is in the ledger",
        ours(Writing(), ALONE),
        Appended(state_at(11)),
        ours(FRESH, ledger=ledger_at(11)),
        (Read(11),),
    ),
    TableRow(
        "behind it stands a schema that nobody knows",
        ours(Writing(), ALONE),
        Appended(state_at(11), wait=WAIT),
        ours(Waiting(Job.RECOVERY, NOW), LOOKING_UP, ledger=ledger_at(11), wait=WAIT),
    ),
    TableRow("the ledger had it", ours(Writing(), ALONE), NothingNew(), ours(FRESH), (Read(10),)),
    TableRow(
        "it has a schema that nobody knows",
        ours(Writing(), ALONE),
        SchemasMissing(WAIT),
        ours(Waiting(Job.RECOVERY, NOW), LOOKING_UP, wait=WAIT),
    ),
    TableRow(
        "there is no room for it",
        ours(Writing(), ALONE),
        NoRoom(OTHER.reason, MAKE_ROOM),
        ours(Waiting(Job.RECOVERY, LATER), OTHER, trouble=OTHER),
    ),
    TableRow(
        "nobody tells which topic it is of",
        ours(Writing(), ALONE),
        ReadFailed(TROUBLE.reason, TROUBLE.cure),
        ours(Waiting(Job.RECOVERY, LATER), TROUBLE, trouble=TROUBLE),
    ),
    TableRow(
        "it is of another topic",
        ours(Writing(), ALONE),
        TopicReplaced(),
        ours(Waiting(Job.RECOVERY, LATER), TOPIC_CHANGED),
    ),
    TableRow(
        "it contradicts the ledger",
        ours(Writing(), ALONE),
        Contradicted(REFUSED.reason, REFUSED.cure),
        ours(REFUSED, REFUSED),
    ),
]

JOB_ROWS: Final = [*RECOVERIES, *PUBLICATIONS, *LONE_READS]
