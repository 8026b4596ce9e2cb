"""A topic that was deleted and made again is another topic: its ledger refuses it, loudly, and nothing is counted."""

import random
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka.admin import AdminClient

from oracle.facts import TopicRecord
from oracle.history import History
from stack import Stack
from tests_support import planting, rest
from tests_support.consumer import foreign
from tests_support.producer.callers import Caller, new_pair
from tests_support.running.live import live_stack, system_of
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]
PARTITION = 3


def make_again(stack: Stack) -> None:
    """Delete the topic and create it from the contracts."""
    admin = AdminClient({"bootstrap.servers": stack.bootstrap_servers})
    for done in admin.delete_topics(["tally.sums.v1"]).values():
        done.result(10)
    eventually(lambda: "tally.sums.v1" not in admin.list_topics(timeout=10).topics, 20, "the topic is gone")
    stack.start("contracts")


def partition_of(stack: Stack) -> dict[str, Any]:
    body = rest.get(f"{stack.rest_url}/v1/partitions/{PARTITION}").body
    assert isinstance(body, dict)
    return body


def ledger_bytes(stack: Stack) -> bytes:
    files = sorted((stack.data_dir / "consumer").glob(f"*/ledger/tally.sums.v1-{PARTITION}/*.avro"))
    return b"".join(file.read_bytes() for file in files)


def fill_partition(stack: Stack) -> None:
    """Add until the partition has a row in its ledger."""
    caller, rng = Caller(stack.grpc_target, History()), random.Random(3)
    calls = (caller.settle(new_pair(rng), 30) for _ in range(1000))
    call = next(call for call in calls if call.partition == PARTITION)
    caller.close()
    url = f"{stack.rest_url}/v1/total?min_position={call.partition}:{call.offset}&wait_ms=20000"
    assert rest.get(url).status == 200


def write_into_new_topic(stack: Stack, number: int) -> None:
    """Write honest records of a foreign writer, past the old ledger's end."""
    system = system_of(stack)
    frame = b"\x00" + foreign.schema_id_of(system).to_bytes(4, "big")
    ids = [planting.id_in(PARTITION, n) for n in range(number)]
    foreign.write(
        system,
        [
            TopicRecord(
                partition=PARTITION, offset=0, key=one.bytes, value=frame + planting.value_of(one, "1", "1")[5:]
            )
            for one in ids
        ],
    )


@pytest.mark.parametrize("consumer_runs", [True, False], ids=["under a running consumer", "under a stopped one"])
def test_a_topic_made_again_is_refused_and_the_ledger_stays(tmp_path: Path, consumer_runs: bool) -> None:
    """A deleted and recreated topic makes the partition REFUSED with a cure, and its ledger is unchanged."""
    with live_stack(tmp_path, broker_properties={"delete.topic.enable": "true"}) as stack:
        fill_partition(stack)
        before = ledger_bytes(stack)
        stack.stop("producer")
        if not consumer_runs:
            stack.stop("consumer")
        make_again(stack)
        write_into_new_topic(stack, 30)
        if not consumer_runs:
            stack.start("consumer")
        refused = eventually(
            lambda: (found := partition_of(stack))["state"].upper() == "REFUSED" and found,
            30,
            "the partition is refused",
            retry_on=(OSError, KeyError),
        )
        assert "topic" in refused["reason"]
        assert refused["cure"]
        assert rest.get(f"{stack.rest_url}/health/ready").status == 503
        assert rest.get(f"{stack.rest_url}/v1/total").body["complete"] is False
        assert ledger_bytes(stack) == before
