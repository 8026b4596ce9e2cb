"""A new version of the event is planned, published and rolled out while traffic flows, on a real Kafka and registry."""

import struct
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest

from oracle.history import History
from oracle.kafka_reading import read_topic
from oracle.ledger_reading import read_ledgers
from stack import PartName, Stack
from tests_support.consumer.foreign import schema_id_of
from tests_support.consumer.rig import Rig
from tests_support.contracts.evolution import SUBJECT, NextContracts
from tests_support.producer.callers import Crowd
from tests_support.running.faults import chosen_seed
from tests_support.running.live import examine_live, live_stack, system_of
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]

TOPIC = "tally.sums.v1"
ENOUGH = 100
"""Acknowledged additions between two steps of a roll-out: each partition gets some."""


class RollOut:
    """A stack on this version with callers, the next version's contracts, and the steps of a roll-out."""

    def __init__(self, stack: Stack, root: Path, opened: ExitStack) -> None:
        self.stack = stack
        self.history = History()
        self.next = NextContracts(root)
        self.next.add_channel()
        self.old_id = schema_id_of(system_of(stack))
        self._seed = chosen_seed()
        self._opened = opened
        self._crowds: list[Crowd] = []
        self.add_callers(stack.grpc_target)

    def add_callers(self, target: str) -> None:
        """Let some more callers add through a producer."""
        crowd = Crowd(target, self.history, seed=self._seed + len(self._crowds), callers=1)
        self._crowds.append(crowd)
        crowd.start()
        self.let_traffic_flow()

    def let_traffic_flow(self) -> None:
        """Return when some more additions are acknowledged."""
        goal = len(self.history.acknowledged()) + ENOUGH
        eventually(lambda: len(self.history.acknowledged()) >= goal, 60, "the callers' additions are acknowledged")

    def publish(self) -> None:
        """Plan and publish the next version."""
        self.next.publish(self.stack)
        self.new_id = schema_id_of(system_of(self.stack))
        assert self.new_id != self.old_id

    def add_producer_of_the_next_version(self) -> None:
        """Run a producer of the next version beside the old one, each with its callers."""
        producer = self.next.producer(self.stack, "next")
        self._opened.callback(producer.end)
        self.add_callers(f"127.0.0.1:{producer.wait_ready().port}")

    def replace(self, part: PartName) -> None:
        """Stop a service and start it on the next version, in the same place."""
        self.stack.stop(part)
        self.next.view_of(self.stack).start(part)
        self.stack.wait_ready(part)
        self.let_traffic_flow()

    @contextmanager
    def without_consumer(self, starts: Stack) -> Iterator[None]:
        """Let a backlog grow, which the consumer that ``starts`` then reads in few and large batches."""
        self.stack.stop("consumer")
        yield
        starts.start("consumer")
        self.stack.wait_ready("consumer")

    def judge(self) -> None:
        """End the traffic and let the oracle compare topic, ledgers, REST, dead letters and answers."""
        for crowd in self._crowds:
            crowd.stop()
        report = examine_live(self.stack, self.history)
        assert report.poison == 0, "a record of one version was not readable for the other"

    def mixed_blocks(self) -> int:
        """Return how many blocks of the ledgers hold records of both versions."""
        written = {
            (partition, record.offset): struct.unpack(">I", (record.value or b"")[1:5])[0]
            for partition, records in read_topic(self.stack.bootstrap_servers, TOPIC).items()
            for record in records
        }
        assert set(written.values()) == {self.old_id, self.new_id}
        mixed = 0
        for ledger in read_ledgers([self.stack.data_dir], TOPIC):
            ends = [0, *(mark.rows_before for mark in ledger.marks)]
            for start, end in pairwise(ends):
                versions = {written[ledger.partition, row.offset] for row in ledger.rows[start:end]}
                mixed += len(versions) == 2
        return mixed


@pytest.fixture
def roll_out(tmp_path: Path) -> Iterator[RollOut]:
    with ExitStack() as opened:
        stack = opened.enter_context(live_stack(tmp_path / "data"))
        yield RollOut(stack, tmp_path / "next", opened)


def test_a_new_field_is_rolled_out_producer_first_while_traffic_flows(roll_out: RollOut) -> None:
    """The old consumer counts what new producers write, mixed with what old ones write; both give one fold."""
    roll_out.publish()
    roll_out.add_producer_of_the_next_version()
    with roll_out.without_consumer(starts=roll_out.stack):
        roll_out.let_traffic_flow()
    roll_out.replace("producer")
    roll_out.replace("consumer")
    roll_out.judge()
    assert roll_out.mixed_blocks() > 0
    # The old consumer folds the whole history again: its chain must be what the new one committed (I6).
    rig = Rig(roll_out.stack)
    roll_out.stack.stop("consumer")
    chain, ledger = rig.chains()[3], rig.ledger_dir(3)
    ledger.rename(ledger.with_name("kept"))
    rig.restart()
    assert rig.partition(3)["state"] == "RUNNING"
    assert rig.chains()[3] == chain


def test_a_new_field_is_rolled_out_consumer_first_while_traffic_flows(roll_out: RollOut) -> None:
    """A new consumer counts records of old and new producers, also mixed in one block, while traffic flows."""
    roll_out.publish()
    roll_out.replace("consumer")
    roll_out.add_producer_of_the_next_version()
    with roll_out.without_consumer(starts=roll_out.next.view_of(roll_out.stack)):
        roll_out.let_traffic_flow()
    roll_out.replace("producer")
    roll_out.judge()
    assert roll_out.mixed_blocks() > 0


def test_a_breaking_version_is_stopped_by_the_plan_with_a_sentence(kafka_stack: Stack, tmp_path: Path) -> None:
    """Other decimals and a field without a default: exit 3, what breaks whom, and nothing is published."""
    contracts = NextContracts(tmp_path)
    registered = schema_id_of(system_of(kafka_stack))

    def other_scale(schema: dict[str, list[dict[str, dict[str, int]]]]) -> None:
        schema["fields"][1]["type"]["scale"] = 4

    contracts.change(other_scale)
    contracts.codegen("generate")
    said = contracts.plan(kafka_stack, code=3)
    assert f"subject {SUBJECT}" in said
    assert "consumers on v2 cannot read v1: `a`" in said
    assert "breaking changes; nothing will be published" in said
    contracts.codegen("publish", "plan.json", code=3)
    assert schema_id_of(system_of(kafka_stack)) == registered
