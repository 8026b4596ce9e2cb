"""What the consumer does after deaths and damage, on a real Kafka. Each test has a stack of its own."""

import json
import random
import shutil
from collections.abc import Iterator

import httpx
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient

from tally.base.framing import frame
from tally.generated.avro.sum_added import SumAdded
from tally.registry.lookup import SchemaRegistry
from tests_support import rest
from tests_support.consumer.rig import Raw, Rig
from tests_support.running.faults import chosen_seed
from tests_support.running.stacks import DELETABLE_TOPICS, KAFKA_ONLY, stack_factory, temporary_folder
from tests_support.waiting import eventually, pause

pytestmark = [pytest.mark.broker, pytest.mark.slow]
PARTITION = 3


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    """A stack for the tests that leave it RUNNING."""
    with temporary_folder() as folder, stack_factory(folder) as new:
        stack = new(broker_properties=DELETABLE_TOPICS)
        stack.up((*KAFKA_ONLY, "consumer"))
        yield Rig(stack)


def test_killed_at_random_moments_under_load_it_counts_each_record_once(rig: Rig) -> None:
    """A consumer killed six times under load counts each record once; the seed is printed."""
    rng = random.Random(chosen_seed())
    places: list[tuple[int, int]] = []
    for _ in range(6):
        places += rig.commit(rig.additions(3_000))
        pause(rng.uniform(0.0, 0.4))
        rig.stack.kill("consumer")
        places += rig.commit(rig.additions(200))
        rig.stack.start("consumer")
    rig.wait_for(places)
    rig.judge()


def test_a_killed_consumer_starts_again_where_it_was_and_gets_its_partitions_at_once(rig: Rig) -> None:
    """A killed consumer is ready before its old session would end, and counts what came meanwhile."""
    rig.wait_for(rig.commit(rig.additions(100)))
    rig.stack.kill("consumer")
    places = rig.commit(rig.additions(10))
    rig.stack.start("consumer")
    # The dead member's session lasts 10 s: without static membership nothing would be assigned before.
    rig.stack.wait_ready("consumer", 8)
    rig.wait_for(places)
    assert all(part["state"] == "RUNNING" for part in rig.get("/v1/partitions"))


def test_a_flipped_byte_is_put_aside_and_the_ledger_rebuilt_with_an_equal_chain(rig: Rig) -> None:
    """A damaged ledger file is put aside, and counts, total and chain are rebuilt from the topic."""
    rig.wait_for(rig.commit([*rig.additions(300, PARTITION), Raw(PARTITION, b"x", b"junk")]))
    rig.wait_for(rig.commit(rig.additions(300, PARTITION)))
    eventually(lambda: rig.partition(PARTITION)["lag"] == 0, 20, "all is counted")
    before = rig.partition(PARTITION)
    rig.stack.stop("consumer")
    chain = rig.chains()[PARTITION]
    file = max(rig.ledger_dir(PARTITION).glob("*.avro"))
    content = bytearray(file.read_bytes())
    content[len(content) // 3] ^= 0x10
    file.write_bytes(content)
    rig.restart()
    after = rig.partition(PARTITION)
    assert {name: after[name] for name in ("count", "total", "poison")} == {
        name: before[name] for name in ("count", "total", "poison")
    }
    assert [path for path in rig.ledger_dir(PARTITION).iterdir() if path.suffix != ".avro"], "nothing was put aside"
    assert rig.chains()[PARTITION] == chain
    rig.wait_for(rig.commit(rig.additions(1, PARTITION)))
    rig.judge()


def test_a_lost_directory_is_rebuilt_from_the_topic_with_the_published_verdicts(rig: Rig) -> None:
    """Poison of a schema id that was unknown when it was read stays poison, although it is known by now (I6, I10)."""
    unknown = Raw(PARTITION, b"x", frame(77_777) + b"body")
    rig.wait_for(rig.commit([*rig.additions(50, PARTITION), unknown, *rig.additions(50, PARTITION)]))
    eventually(lambda: rig.partition(PARTITION)["lag"] == 0, 20, "all is counted")
    before = rig.partition(PARTITION)
    rig.stack.stop("consumer")
    chain = rig.chains()[PARTITION]
    shutil.rmtree(rig.ledger_dir(PARTITION))
    rig.restart()
    after = rig.partition(PARTITION)
    assert {name: after[name] for name in ("count", "total", "poison", "next_offset")} == {
        name: before[name] for name in ("count", "total", "poison", "next_offset")
    }
    assert rig.chains()[PARTITION] == chain
    rig.judge()


def test_poison_that_could_not_be_published_before_a_kill_is_published_once_after_it(rig: Rig) -> None:
    """Poison that cannot be published holds the commit back, and after a kill it is published once."""
    partition = 7
    rig.wait_for(rig.commit(rig.additions(5, partition)))
    places = []
    with rig.without_topic("tally.sums.v1.dlt"):
        places = rig.commit([Raw(partition, b"x", b"junk"), *rig.additions(5, partition)])
        rig.wait_for(places)  # the row is in the ledger and fsynced
        shown = rig.wait_for_state(partition, "PAUSED")
        assert "poison" in shown["reason"]
        assert (shown["committed"] or 0) <= places[0][1], "a commit passed the poison"
        assert rest.get(f"{rig.stack.rest_url}/health/ready").status == 503
        rig.stack.kill("consumer")
    rig.restart()
    eventually(lambda: (rig.partition(partition)["committed"] or 0) > places[0][1], 20, "the poison is committed")
    letters = rig.dead_letters()[partition]
    assert [letter.key for letter in letters] == [f"{partition}:{places[0][1]}".encode()]


def test_a_registry_that_is_down_pauses_a_partition_and_it_goes_on_by_itself(rig: Rig) -> None:
    """A record that needs the absent registry pauses its partition alone, until the registry is back."""
    # A writer of its own: our record with one more field, under a subject of its own.
    schema = json.loads(SumAdded.SCHEMA)
    schema["fields"].append({"name": "note", "type": "string", "default": ""})
    url = f"{rig.stack.registry_url}/subjects/foreign-value/versions"
    schema_id = httpx.post(url, json={"schema": json.dumps(schema)}, timeout=20).json()["id"]
    good = rig.additions(1, 9)[0]
    assert good.value is not None
    foreign = Raw(9, good.key, frame(schema_id) + good.value[5:] + b"\x04hi")
    before = rig.partition(9)
    rig.stack.stop("registry")
    places = rig.commit([foreign, *rig.additions(3, 9)])
    others = rig.commit(rig.additions(3, 8))
    assert "registry" in rig.wait_for_state(9, "PAUSED")["reason"]
    rig.wait_for(others)  # the other partitions go on
    rig.stack.start("registry")
    rig.stack.wait_ready("registry", 60)
    rig.wait_for(places)
    after = rig.wait_for_state(9, "RUNNING")
    assert (after["count"] - before["count"], after["poison"]) == (4, before["poison"])
    registry = SchemaRegistry(rig.stack.registry_url)
    assert registry.schema(schema_id)
    registry.close()


def test_a_ledger_whose_committed_offset_is_gone_rules_and_publishes_nothing_twice(rig: Rig) -> None:
    """Without the group's commits the ledger decides where to go on, and no letter is published twice."""
    partition = 10
    rig.wait_for(rig.commit([Raw(partition, b"x", b"junk"), *rig.additions(20, partition)]))
    eventually(lambda: rig.partition(partition)["lag"] == 0, 20, "all is counted")
    eventually(lambda: rig.dead_letters().get(partition), 20, "the poison is published")
    letters = len(rig.dead_letters()[partition])
    before = rig.partition(partition)
    rig.stack.stop("consumer")
    admin = AdminClient({"bootstrap.servers": rig.stack.bootstrap_servers})

    def reset() -> bool:
        for done in admin.delete_consumer_groups(["tally-ledger"]).values():
            done.result(10)
        return True

    eventually(reset, 40, "the group is deleted", retry_on=(KafkaException,))
    rig.restart()
    after = rig.partition(partition)
    assert (after["count"], after["poison"]) == (before["count"], before["poison"])
    rig.wait_for(rig.commit(rig.additions(2, partition)))
    assert len(rig.dead_letters()[partition]) == letters
    rig.judge()


def test_an_undecided_transaction_of_a_killed_owner_does_not_hold_a_partition_up(rig: Rig) -> None:
    """The owner died between sending the offset and committing: Kafka withholds the offset until somebody ends it."""
    partition = 11
    rig.wait_for(rig.commit(rig.additions(3, partition)))
    eventually(lambda: rig.partition(partition)["lag"] == 0, 20, "all is counted")
    before = rig.partition(partition)
    rig.stack.stop("consumer")
    config = {"bootstrap.servers": rig.stack.bootstrap_servers, "log_level": 2}
    dead = Producer({**config, "transactional.id": f"tally-dlt-{partition}", "transaction.timeout.ms": 600_000})
    dead.init_transactions(20)
    dead.begin_transaction()
    dead.produce("tally.sums.v1.dlt", b"never", partition=partition)
    group = Consumer({**config, "group.id": "tally-ledger"}).consumer_group_metadata()
    dead.send_offsets_to_transaction([TopicPartition("tally.sums.v1", partition, 999)], group, 20)
    rig.restart()
    assert rig.partition(partition)["next_offset"] == before["next_offset"]
    rig.wait_for(rig.commit(rig.additions(1, partition)))
    rig.judge()
