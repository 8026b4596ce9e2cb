"""A producer's start: what it waits for, what it refuses, and what it tells."""

import socket
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from confluent_kafka import Consumer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

from stack.parts.services import foreign_environment
from stack.system import ROOT
from tests_support.producer.process import SUMS, addition, outcome_of, producers
from tests_support.running.stacks import DELETABLE_TOPICS, KAFKA_ONLY, NewStack
from tests_support.waiting import eventually


def run(folder: Path, *arguments: str, **settings: str) -> "subprocess.CompletedProcess[str]":
    """Run the producer to its end."""
    return subprocess.run(
        [sys.executable, "-m", "producer", *arguments],
        env={**foreign_environment(), "PYTHONPATH": str(ROOT), **settings},
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_lists_every_setting(tmp_path: Path) -> None:
    """With its default and meaning, on standard output; anything else on the command line is wrong usage."""
    shown = run(tmp_path, "--help")
    assert shown.returncode == 0
    for name in ("TALLY_GRPC_PORT", "TALLY_PRODUCER_REPLICA", "TALLY_KAFKA_BOOTSTRAP_SERVERS", "[50051]"):
        assert name in shown.stdout
    assert run(tmp_path, "--port", "1").returncode == 2


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("TALLY_GRPC_PORT", "70000", "65535"),
        ("TALLY_PRODUCER_LANES", "13", "12"),
        ("TALLY_PRODUCER_REPLICA", "a b", "pattern"),
        ("TALLY_PRODUCER_ADD_BATCH_MAX", "99999", "ADD_BATCH_MAX"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_one_line(tmp_path: Path, name: str, value: str, allowed: str) -> None:
    """A wrong setting ends the start with code 2 and one line with its name, its value and what is allowed."""
    more = {"TALLY_PRODUCER_QUEUE_RECORDS_MAX": "1000"} if "ADD_BATCH" in name else {}
    ended = run(tmp_path, **{name: value, **more})
    assert ended.returncode == 2
    [line] = ended.stderr.splitlines()
    assert name in line
    assert value in line
    assert allowed in line


def test_a_wrong_client_property_ends_the_start_with_one_line(tmp_path: Path) -> None:
    """An unknown Kafka property ends the start with code 2, and the last line names the setting and the property."""
    file = tmp_path / "client.properties"
    file.write_text("no.such.property=1\n", encoding="utf-8")
    ended = run(tmp_path, TALLY_KAFKA_CONFIG=str(file))
    assert ended.returncode == 2
    assert "no.such.property" in ended.stderr.splitlines()[-1]
    assert "TALLY_KAFKA_CONFIG" in ended.stderr.splitlines()[-1]


def test_a_taken_port_is_named_with_its_setting(tmp_path: Path) -> None:
    """A taken gRPC port ends the start with code 1 and a line that names the port and its setting."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        ended = run(tmp_path, TALLY_GRPC_PORT=port)
    assert ended.returncode == 1
    assert port in ended.stderr.splitlines()[-1]
    assert "TALLY_GRPC_PORT" in ended.stderr.splitlines()[-1]
    assert "Traceback" not in ended.stderr


def test_without_kafka_it_is_unready_and_serves_when_kafka_comes(new_stack: NewStack, tmp_path: Path) -> None:
    """NOT_SERVING with the reason in the log, calls are UNAVAILABLE and not committed; then it serves by itself."""
    stack = new_stack(parts=KAFKA_ONLY)
    stack.stop("kafka")
    with producers(stack, tmp_path) as factory:
        producer = factory.start()
        producer.wait_log("not ready")
        assert producer.health() == "NOT_SERVING"
        with pytest.raises(grpc.RpcError) as refused:
            producer.service.Add(addition(), timeout=5)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        assert outcome_of(refused.value)[:2] == ("NOT_READY", "not-committed")
        stack.start("kafka")
        producer.wait_ready(60)
        assert producer.service.Add(addition(), timeout=30).sum == "42.5"


def test_an_unpublished_schema_keeps_it_unready(new_stack: NewStack, tmp_path: Path) -> None:
    """Without the published schema the producer registers nothing, says so and waits until it is published."""
    stack = new_stack(parts=("kafka", "registry"))
    with producers(stack, tmp_path) as factory:
        producer = factory.start()
        producer.wait_log(f"{SUMS}-value")
        assert producer.health() == "NOT_SERVING"
        stack.start("contracts")
        producer.wait_ready(60)


def test_another_number_of_partitions_is_refused_with_the_way_out(new_stack: NewStack, tmp_path: Path) -> None:
    """A topic that gets more partitions ends the producer, running or starting, with the way out."""
    stack = new_stack(parts=KAFKA_ONLY)
    with producers(stack, tmp_path) as factory:
        producer = factory.start().wait_ready()
        admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
        admin.create_partitions([NewPartitions(SUMS, 24)])[SUMS].result(10)
        assert producer.wait_end() == 1
        again = factory.start()
        assert again.wait_end() == 1
        for one in (producer, again):
            assert "has 24 partitions, but the contract pins 12" in one.text()
            assert "create a new topic" in one.text()


def test_a_topic_made_again_stops_it(new_stack: NewStack, tmp_path: Path) -> None:
    """The topic's id is pinned at the start: what was acknowledged is not in the new one."""
    stack = new_stack(parts=KAFKA_ONLY, broker_properties=DELETABLE_TOPICS)
    with producers(stack, tmp_path) as factory:
        producer = factory.start().wait_ready()
        admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
        admin.delete_topics([SUMS])[SUMS].result(10)

        def made_again() -> bool:
            admin.create_topics([NewTopic(SUMS, 12, 1)])[SUMS].result(10)
            return True

        eventually(made_again, 20, "the topic is made again", retry_on=(Exception,))
        assert producer.wait_end() == 1
        assert "was deleted and created again" in producer.text()


def test_it_outlives_the_expiration_of_its_transactional_ids(new_stack: NewStack, tmp_path: Path) -> None:
    """After the broker forgot an idle producer's transactional ids, its calls succeed with new ones."""
    expires = {
        "transactional.id.expiration.ms": "1000",
        "transaction.remove.expired.transaction.cleanup.interval.ms": "200",
        "producer.id.expiration.ms": "1000",
        "producer.id.expiration.check.interval.ms": "200",
    }
    stack = new_stack(parts=KAFKA_ONLY, broker_properties=expires)
    with producers(stack, tmp_path) as factory:
        producer = factory.start(producer_lanes=1, producer_replica="idle").wait_ready()
        producer.service.Add(addition(), timeout=30)
        wait_forgotten(stack.bootstrap_servers, b"tally-producer-idle-0")
        assert producer.service.Add(addition(), timeout=30).sum == "42.5"
        assert producer.health() == "SERVING"


def wait_forgotten(servers: str, transactional_id: bytes) -> None:
    """Return when the broker wrote the tombstone of a transactional id into its own topic."""
    topic = "__transaction_state"
    consumer = Consumer({"bootstrap.servers": servers, "group.id": "test-tombstones", "auto.offset.reset": "earliest"})
    try:
        partitions = consumer.list_topics(topic, 10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])

        def tombstone() -> bool:
            return any(
                transactional_id in bytes(message.key() or b"") and message.value() is None
                for message in consumer.consume(100, 0.2)
                if not message.error()
            )

        eventually(tombstone, 30, "the transactional id has expired", interval_s=0.0)
    finally:
        consumer.close()
