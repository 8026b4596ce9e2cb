"""A stranger's transaction that stays open, in the dead letters above all: nothing is written twice or left unsaid."""

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from stack import Stack
from stack.system import ROOT
from tally.generated.topics import SUMS, SUMS_DLT
from tests_support.client.tally_command import tally
from tests_support.consumer.rig import Raw, Rig
from tests_support.running.stacks import stack_factory, temporary_folder
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker]
PARTITION = 5
WAIT_S = 60.0
ENOUGH_MS = 600_000
"""The stranger's time-out: the broker does not end the transaction within the test."""


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    with temporary_folder() as folder, stack_factory(folder) as new:
        stack = new()
        stack.up(("kafka", "registry", "contracts", "consumer"))
        yield Rig(stack)


def stranger(stack: Stack, topic: str, name: str) -> Producer:
    """Return a producer with a record in an open transaction."""
    config = {"bootstrap.servers": stack.bootstrap_servers, "transactional.id": name, "log_level": 2}
    producer = Producer({**config, "transaction.timeout.ms": ENOUGH_MS})
    producer.init_transactions(30)
    producer.begin_transaction()
    producer.produce(topic, key=b"whose", value=b"not ours", partition=PARTITION)
    assert producer.flush(20) == 0
    return producer


def letters(rig: Rig) -> list[bytes | None]:
    """Return the sources of the letters of the partition that anybody can read."""
    return [one.key for one in rig.dead_letters()[PARTITION]]


def told(rig: Rig, *arguments: str) -> str:
    """Return what a command said on standard error."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TALLY_")}
    done = subprocess.run(
        [sys.executable, "-m", "tally", *arguments],
        env={**own, **rig.stack.environment(), "PYTHONPATH": str(ROOT)},
        cwd=rig.stack.data_dir, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    return done.stderr


def test_letters_behind_an_open_transaction_are_waited_for_and_not_written_again(rig: Rig) -> None:
    """Without commits, a partition whose letters stand behind a stranger's transaction waits and says so (I10)."""
    open_one = stranger(rig.stack, SUMS_DLT.name, "a-stranger")
    ((_, offset),) = rig.commit([Raw(PARTITION, b"x", b"junk")])
    eventually(lambda: (rig.partition(PARTITION)["committed"] or 0) > offset, WAIT_S, "the letter is published")
    assert letters(rig) == [], "nobody can read it yet"
    rig.stack.stop("consumer")
    tally(rig.stack, "repair", "--forget-commits")
    rig.stack.start("consumer")
    places = rig.commit(rig.additions(3, PARTITION))
    shown = rig.wait_for_state(PARTITION, "PAUSED")
    assert f"{SUMS_DLT.name} partition {PARTITION}" in shown["reason"]
    assert f"describe-producers --topic {SUMS_DLT.name} --partition {PARTITION}" in shown["cure"]
    open_one.abort_transaction(20)
    rig.wait_for(places)
    eventually(lambda: (rig.partition(PARTITION)["committed"] or 0) > places[-1][1], WAIT_S, "all is committed")
    assert letters(rig) == [f"{PARTITION}:{offset}".encode()]
    rig.judge()


@pytest.mark.parametrize(
    ("topic", "command"), [(SUMS.name, ("tail", "--no-follow")), (SUMS_DLT.name, ("replay-dlt",))], ids=["tail", "dlt"]
)
def test_commands_that_read_to_the_end_say_what_they_could_not_read(
    rig: Rig, topic: str, command: tuple[str, ...]
) -> None:
    """A command that ends before an open transaction says how much is behind it and how to see whose, until it ends."""
    open_one = stranger(rig.stack, topic, f"a-stranger-of-{topic}")
    said = told(rig, *command, "--partition", str(PARTITION))
    [sentence] = [line for line in said.splitlines() if "cannot be read yet" in line]
    assert sentence.startswith(f"up to 1 record of partition {PARTITION} of {topic}, from offset ")
    tool = f"kafka-transactions.sh --bootstrap-server {rig.stack.bootstrap_servers}"
    assert f"`{tool} describe-producers --topic {topic} --partition {PARTITION}` shows whose" in sentence
    open_one.abort_transaction(20)
    assert "cannot be read yet" not in told(rig, *command, "--partition", str(PARTITION))
