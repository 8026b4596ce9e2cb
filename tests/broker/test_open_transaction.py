"""A stranger's transaction that stays open, on a real Kafka: everything says so, and the commands that it says help."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import KafkaException, Producer

from stack import Stack
from tally.generated.topics import SUMS
from tests_support import rest
from tests_support.checkout import ROOT
from tests_support.consumer.rig import Rig
from tests_support.running.stacks import stack_factory, temporary_folder
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker]
PARTITION = 5
WAIT_S = 40.0
ENOUGH_MS = 600_000
"""The stranger's time-out: the broker does not end the transaction within the test."""


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with temporary_folder() as folder, stack_factory(folder) as new:
        stack = new({"TALLY_CONSUMER_FOREIGN_TRANSACTION_MS": "1000"})
        stack.up(("kafka", "registry", "contracts", "consumer"))
        yield Rig(stack)


def stranger(stack: Stack, name: str) -> Producer:
    """Return a producer with a record in an open transaction."""
    config = {"bootstrap.servers": stack.bootstrap_servers, "transactional.id": name, "log_level": 2}
    producer = Producer({**config, "transaction.timeout.ms": ENOUGH_MS})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(SUMS.name, key=b"whose", value=b"not ours", partition=PARTITION)
    assert producer.flush(20) == 0
    return producer


def held(rig: Rig) -> Any:
    """Return the partition once it says that it is held up."""

    def look() -> Any:
        body = rig.partition(PARTITION)
        return body if body["held_s"] is not None else None

    return eventually(look, WAIT_S, "the partition says that it is held up")


def reasons(rig: Rig) -> list[Any]:
    """Return why the consumer is not ready."""
    answer = rest.get(rig.stack.rest_url + "/health/ready")
    return list(answer.body["reasons"]) if answer.status == 503 else []


def held_by_the_metric(rig: Rig) -> float:
    """Return the age that the metric has of the partition's transaction."""
    text = rest.get(rig.stack.rest_url + "/metrics").content.decode()
    [line] = [
        line for line in text.splitlines() if line.startswith(f'app_partition_held_seconds{{partition="{PARTITION}"')
    ]
    return float(line.rpartition(" ")[2])


def kafka_transactions(rig: Rig, *arguments: str) -> list[list[str]]:
    """Return the rows that Kafka's own tool shows, as the recipe runs it."""
    done = subprocess.run(
        [sys.executable, "-m", "stack", "kafka-transactions", *arguments],
        cwd=ROOT,
        env={**os.environ, **rig.stack.environment(), "TALLY_KAFKA_PORT": str(rig.stack.ports.kafka)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return [line.split() for line in done.stdout.splitlines()[1:] if line.strip()]


def test_an_open_transaction_is_told_everywhere_until_it_is_aborted(rig: Rig) -> None:
    """Lag, reason, readiness and the metric tell of it while what stands behind is not counted, and then no more."""
    before = rig.get("/v1/total")["count"]
    producer = stranger(rig.stack, "a-stranger")
    places = rig.commit(rig.additions(3, PARTITION))
    body = held(rig)
    assert (body["state"], body["lag"] >= 4) == ("RUNNING", True)
    assert body["high_watermark"] > places[-1][1] > body["last_stable"]
    assert body["reason"].startswith("has waited ")
    assert f"--topic {SUMS.name} --partition {PARTITION}" in body["cure"]
    [told] = reasons(rig)
    assert (told["part"], told["cure"]) == (f"partition {PARTITION}", body["cure"])
    assert held_by_the_metric(rig) >= 1.0
    assert rig.get("/v1/total")["count"] == before
    producer.abort_transaction(20)
    rig.wait_for(places)
    eventually(lambda: rig.partition(PARTITION)["held_s"] is None, WAIT_S, "nothing holds the partition up")
    eventually(lambda: not reasons(rig), WAIT_S, "the consumer is ready")
    eventually(lambda: rig.partition(PARTITION)["lag"] == 0, WAIT_S, "nothing lags")
    assert held_by_the_metric(rig) == 0.0
    assert rig.get("/v1/total")["count"] == before + 3
    rig.judge()


def test_the_commands_of_the_cure_name_the_transaction_and_end_it(rig: Rig) -> None:
    """The cure's commands, run by `just kafka-transactions`, show the stranger's name and let counting go on."""
    producer = stranger(rig.stack, "a-rude-stranger")
    places = rig.commit(rig.additions(2, PARTITION))
    commands = re.findall(r"`kafka-transactions.sh --bootstrap-server (\S+) ([^`]+)`", held(rig)["cure"])
    assert [server for server, _ in commands] == [rig.stack.bootstrap_servers] * 3
    name, listed, end = (command.split() for _, command in commands)
    [row] = [row for row in kafka_transactions(rig, *name) if row[-1].isdigit()]
    assert int(row[-1]) == rig.partition(PARTITION)["last_stable"]
    [found] = [one for one, _, producer_id, *_ in kafka_transactions(rig, *listed) if producer_id == row[0]]
    assert found == "a-rude-stranger"
    kafka_transactions(rig, *[found if word == "ID" else word for word in end])
    rig.wait_for(places)
    eventually(lambda: rig.partition(PARTITION)["held_s"] is None, WAIT_S, "nothing holds the partition up")
    with pytest.raises(KafkaException, match="fenced"):
        producer.commit_transaction(20)
    rig.judge()
