"""Each reason for which a partition is REFUSED, made on a real system: the command that it tells repairs it.

One stack for all: every partition is harmed in another way while the consumer is stopped, one start finds them all,
and after the commands one start counts them all again. Invariants: I8 nothing is counted on a guess; I6 the chain at
the end is the one from before. Elsewhere: a ledger under another partition's name, a commit beyond the log, deleted
records (tests/broker/test_repair.py); a reset registry and other partitions, which no command repairs.
"""

import re
import shlex
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from tally.generated.topics import SUMS
from tally.ledger.verify import NoLedger, verify_directory
from tests_support.client.tally_command import tally
from tests_support.consumer.rig import Raw, Rig
from tests_support.ledger.forged import Forgery
from tests_support.running.recovery import recovered
from tests_support.running.stacks import KAFKA_ONLY, stack_factory, temporary_folder
from tests_support.waiting import eventually

pytestmark = pytest.mark.broker

GROUP = "tally-ledger"
COMMAND = re.compile(r"`tally (repair [^`]+)`")
Commits = dict[int, tuple[int, str]]
"""(offset, metadata) by partition."""


@dataclass(frozen=True)
class Place:
    """A partition to be harmed: its ledger, and where its log ends."""

    rig: Rig
    partition: int
    log_end: int
    commits: Commits

    @property
    def ledger(self) -> Forgery:
        return Forgery.of(self.rig.ledger_dir(self.partition))

    def put(self, ledger: Forgery, **options: int) -> None:
        ledger.write(self.rig.ledger_dir(self.partition), **options)

    def commit(self, offset: int, metadata: str) -> None:
        self.commits[self.partition] = (offset, metadata)


def another_cluster(place: Place) -> None:
    place.put(place.ledger.belonging_to(cluster_id="another-cluster"))


def another_topic(place: Place) -> None:
    place.put(place.ledger.belonging_to(topic="tally.sums.v0"))


def another_topic_id(place: Place) -> None:
    place.put(place.ledger.belonging_to(topic_id="another-id"))


def another_fold(place: Place) -> None:
    place.put(place.ledger.belonging_to(fold_version=99))


def another_format(place: Place) -> None:
    place.put(place.ledger, format_version=99)


def longer_than_the_log(place: Place) -> None:
    place.put(place.ledger.with_last_at(place.log_end + 5))


def another_last_record(place: Place) -> None:
    place.put(place.ledger.with_other_time(-1))


def no_last_record(place: Place) -> None:
    place.put(place.ledger.with_last_at(place.log_end - 1))  # where the topic has the marker of a commit


def another_record_in_the_middle(place: Place) -> None:
    place.put(place.ledger.with_other_time(0))


def commit_for_another_topic(place: Place) -> None:
    ledger = place.ledger
    place.commit(int(ledger.rows["offset"][-1]) + 1, ledger.witness(topic_id="another-id"))


def commit_by_another_fold(place: Place) -> None:
    ledger = place.ledger
    place.commit(int(ledger.rows["offset"][-1]) + 1, ledger.witness(fold_version=99))


def commit_where_no_record_is(place: Place) -> None:
    place.commit(place.log_end, "by another tool")


TOPIC, FORGET = "repair --partition {} --from topic", "repair --forget-commits"
HARMS: dict[Callable[[Place], None], tuple[str, list[str]]] = {
    another_cluster: ("is the ledger of cluster id another-cluster", [TOPIC]),
    another_topic: ("is the ledger of topic tally.sums.v0", [TOPIC]),
    another_topic_id: ("is the ledger of topic id another-id", [TOPIC, FORGET]),
    another_fold: ("is the ledger of fold version 99", [TOPIC]),
    another_format: ("cannot be read", [TOPIC]),
    longer_than_the_log: ("the log lost its tail", [TOPIC, FORGET]),
    another_last_record: ("holds another record there (timestamp_us differs)", [TOPIC, FORGET]),
    no_last_record: ("holds no record there", [TOPIC, FORGET]),
    another_record_in_the_middle: ("this ledger and the committed one differ", [TOPIC]),
    commit_for_another_topic: ("the topic was made again", [FORGET]),
    commit_by_another_fold: ("was committed by fold version 99", [FORGET]),
    commit_where_no_record_is: ("no record lies between", [FORGET]),
}
"""What is done, in partition 0, 1, ...; what is said; the commands that are told for it."""


@dataclass(frozen=True)
class Refused:
    """The stopped system, what was shown of each partition, and the ledgers' ends from before."""

    rig: Rig
    shown: list[Any]
    before: list[tuple[int, bytes]]


def ends(rig: Rig) -> list[tuple[int, bytes]]:
    """Return (next offset, chain) of each ledger on the disk."""
    reports = [verify_directory(rig.ledger_dir(partition)).ledgers[0] for partition in range(SUMS.partitions)]
    assert not [report.problems for report in reports if report.problems]
    return [(report.next_offset, report.chain) for report in reports]


def commit(admin: AdminClient, commits: Commits) -> None:
    """Commit as another tool would, once the group is empty."""
    places = [TopicPartition(SUMS.name, partition, *commits[partition]) for partition in commits]

    def altered() -> bool:
        [done] = admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP, places)]).values()
        return all(place.error is None for place in done.result(10).topic_partitions)

    eventually(altered, 60, "the group is empty and takes commits", retry_on=(KafkaException,), interval_s=0.3)


@pytest.fixture(scope="module")
def refused() -> Iterator[Refused]:
    """A system in which one start of the consumer refused every partition, each for a reason of its own."""
    with temporary_folder() as folder, stack_factory(folder) as new:
        rig = Rig(new({"TALLY_CONSUMER_SESSION_TIMEOUT_MS": "6000"}, parts=(*KAFKA_ONLY, "consumer")))
        junk = [Raw(partition, b"x", b"junk") for partition in range(SUMS.partitions)]
        rig.wait_for(rig.commit([*junk, *(raw for n in range(SUMS.partitions) for raw in rig.additions(5, n))]))
        rig.wait_committed()
        rig.stack.stop("consumer")
        before, admin = ends(rig), AdminClient({"bootstrap.servers": rig.stack.bootstrap_servers})
        commits: Commits = {}
        for partition, harm in enumerate(HARMS):
            asked = TopicPartition(SUMS.name, partition)
            latest = OffsetSpec.latest()  # type: ignore[no-untyped-call] # the package does not annotate it
            log_end = admin.list_offsets({asked: latest})[asked].result(10).offset
            harm(Place(rig, partition, log_end, commits))
        commit(admin, commits)
        rig.stack.start("consumer")
        shown = [rig.wait_for_state(partition, "REFUSED") for partition in range(len(HARMS))]
        rig.stack.stop("consumer")
        yield Refused(rig, shown, before)


@pytest.mark.parametrize("partition", range(len(HARMS)), ids=[harm.__name__ for harm in HARMS])
def test_the_reason_is_told_with_commands_that_run(refused: Refused, partition: int) -> None:
    """A refusal's reason names what was found, and the commands of its cure succeed as they are printed (I8)."""
    reason, commands = list(HARMS.values())[partition]
    shown = refused.shown[partition]
    assert reason in shown["reason"]
    told = COMMAND.findall(shown["cure"])
    assert told == [command.format(partition) for command in commands]
    for command in told:
        print(tally(refused.rig.stack, *shlex.split(command)))


def test_after_the_commands_all_is_counted_again_with_the_chains_from_before(refused: Refused) -> None:
    """After the cures and a start every partition runs with its former chain, and the oracle agrees (I6, I8)."""
    rig = refused.rig
    began_s = time.monotonic()
    rig.restart()
    for partition in range(SUMS.partitions):
        rig.wait_for_state(partition, "RUNNING")
    recovered("all count, after the commands", time.monotonic() - began_s)
    # A partition whose commits were forgotten runs before its ledger has a first file.
    eventually(lambda: ends(rig) == refused.before, 40, "each ledger ends as before", retry_on=(NoLedger,))
    rig.wait_for(rig.commit(rig.additions(48)))
    rig.judge()


def test_a_replay_that_ends_with_another_chain_is_refused_and_each_of_its_cures_works(
    refused: Refused, tmp_path: Path
) -> None:
    """A replay that ends with another chain is refused, and the topic as well as a backup cures it (I6, I8)."""
    rig = refused.rig
    rig.wait_for(rig.commit([raw for partition in (0, 1) for raw in rig.additions(2, partition)]))
    rig.wait_committed()
    rig.stack.stop("consumer")
    before, backup = ends(rig), tmp_path / "backup" / rig.ledger_dir(1).name
    shutil.copytree(rig.ledger_dir(1), backup)
    for partition in (0, 1):
        place = Place(rig, partition, 0, {})
        place.put(place.ledger.with_other_time(0).without_last())
    rig.stack.start("consumer")
    shown = [rig.wait_for_state(partition, "REFUSED") for partition in (0, 1)]
    rig.stack.stop("consumer")
    assert all("the topic or the registry has changed" in each["reason"] for each in shown)
    from_topic, from_peer = TOPIC.format(0), f"repair --partition 1 --from peer --peer {backup.parent}"
    assert f"`tally {from_topic}`" in shown[0]["cure"]
    assert from_peer.rpartition(" ")[0] in shown[1]["cure"]
    for command in (from_topic, from_peer):
        print(tally(rig.stack, *shlex.split(command)))
    rig.restart()
    eventually(lambda: ends(rig) == before, 40, "each ledger ends as before", retry_on=(NoLedger,))
    rig.judge()
