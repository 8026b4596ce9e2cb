"""Which system an addition goes to: every setting of an address is heard, and a load says and checks where it goes."""

import asyncio
from pathlib import Path

import pytest

from producer.shell.grpc_server import GrpcServer
from stack import Ports
from tally.cli.services.cluster import cluster_at
from tests_support.client.fake_tally import FakeTally, serving
from tests_support.client.tally_loads import load
from tests_support.compose.project import free_base
from tests_support.producer.served_methods import LIMITS

TOTAL = {"total": "42.5", "count": 1_234, "complete": True}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "f.csv"
    path.write_text("a,b\n1,2\n")
    return path


async def test_a_moved_system_is_the_one_that_is_added_to(tally, file):
    """With TALLY_PORT_BASE, additions go to that base's producer and to no other one."""
    base, other = free_base(), FakeTally()
    moved = FakeTally()
    async with serving(other), serving(moved, Ports.at_base(base).grpc):
        loaded = await tally("load", file, "--a", "a", "--b", "b", TALLY_PORT_BASE=str(base))
        added = await tally("add", "3", "4", TALLY_PORT_BASE=str(base), TALLY_GRPC_PORT="")
    assert (loaded.exit_code, added.exit_code) == (0, 0)
    assert sorted(moved.committed.values()) == [("1", "2"), ("3", "4")]
    assert other.committed == {}


async def test_a_load_says_first_which_system_it_adds_to(tally, file, rest):
    """Before the first row, a load prints the cluster's id, the address and the total before."""
    rest.on("GET", "/v1/total", TOTAL)
    async with serving(FakeTally(), cluster_id="cluster-one") as target:
        result = await tally(
            "load", file, "--a", "a", "--b", "b", "--json", TALLY_GRPC_TARGET=target, TALLY_REST_URL=rest.url
        )
    first = result.stderr.splitlines()[0]
    assert first == f"adding to cluster cluster-one at {target}; {rest.url} has counted 1,234, total 42.5"


@pytest.mark.parametrize(
    "answer", [b"no JSON", b"[]", b'{"total": 1}', b'{"total": 1, "count": "x", "complete": true}']
)
async def test_a_total_that_cannot_be_told_stops_no_load(tally, file, rest, answer):
    """Without an id or a total, a load says that it does not know them, and goes on."""
    fake = FakeTally()
    rest.on("GET", "/v1/total", answer)
    async with serving(fake) as target:
        result = await tally("load", file, "--a", "a", "--b", "b", TALLY_GRPC_TARGET=target, TALLY_REST_URL=rest.url)
    assert result.exit_code == 0
    assert f"adding to an unknown cluster at {target}; {rest.url} does not say what the total is" in result.stderr
    assert len(fake.committed) == 1


@pytest.mark.parametrize("command", [["add", "1", "2"], ["load", "f.csv", "--a", "a", "--b", "b"]])
async def test_another_cluster_than_the_expected_one_gets_nothing(tally, file, command):
    """--expect-cluster ends with exit code 1 and both ids before anything is sent to another one."""
    fake = FakeTally()
    async with serving(fake, cluster_id="one") as target:
        wrong = await tally(*command, "--expect-cluster", "two", TALLY_GRPC_TARGET=target)
        right = await tally(*command, "--expect-cluster", "one", TALLY_GRPC_TARGET=target)
    assert wrong.exit_code == 1
    assert f"{target} adds to cluster one, and --expect-cluster is two; nothing was sent" in wrong.stderr
    assert (right.exit_code, len(fake.committed), len(fake.calls)) == (0, 1, 1)


async def test_a_producer_that_does_not_tell_its_cluster_gets_nothing_from_one_who_expects_one(tally, file):
    """With --expect-cluster, a service that tells no cluster is told with exit code 69, and nothing is sent."""
    fake = FakeTally()
    async with serving(fake) as target:
        result = await load(tally, target, file, "--expect-cluster", "one")
    assert result.exit_code == 69
    assert "does not tell its cluster" in result.stderr
    assert fake.calls == []


async def test_a_producer_that_starts_is_waited_for_until_it_knows_its_cluster():
    """While the health is NOT_SERVING without an id, the question is asked again until there is one or time is up."""
    port = Ports.free().grpc
    server, target = GrpcServer([], LIMITS), f"127.0.0.1:{port}"
    await server.start("127.0.0.1", port)
    try:
        assert await cluster_at(target, 0.3) is None
        asked = asyncio.create_task(cluster_at(target, 20))
        server.name_cluster("one")
        assert await asked == "one"
        await server.set_serving(True)
        assert await cluster_at(target, 20) == "one"
    finally:
        await server.stop(0)
    assert await cluster_at(target, 0.2) is None
