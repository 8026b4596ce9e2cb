"""``/v1/events`` over a real connection: what a browser's EventSource or curl is sent."""

import json
import socket
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from consumer.core.partition.state import Refused, Running
from consumer.core.snapshot import Figures
from consumer.rest.listener import listen
from tally.ledger.state.counts import Counts
from tests_support import rest
from tests_support.consumer.rest_world import LISTENERS_MAX, RestWorld
from tests_support.ledger.records import PARTITION
from tests_support.running.served import Served, served
from tests_support.waiting import eventually

ANSWER_S = 20


@pytest.fixture
def server(world: RestWorld) -> Iterator[Served]:
    with served(world.app) as running:
        yield running


@contextmanager
def following(url: str) -> Iterator[Iterator[tuple[str, Any]]]:
    """Yield the events as (name, data)."""
    with urllib.request.urlopen(f"{url}/v1/events", timeout=ANSWER_S) as answer:
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Cache-Control"] == "no-cache"

        def events() -> Iterator[tuple[str, Any]]:
            name = ""
            for raw in answer:
                field, _, value = raw.decode().strip().partition(": ")
                if field == "event":
                    name = value
                elif field == "data":
                    yield name, json.loads(value)

        yield events()


def test_a_follower_has_the_answer_of_v1_total_at_once_and_whenever_it_moves(world: RestWorld, server: Served) -> None:
    """A new follower gets the body of /v1/total as its first event, and another one with each change."""
    with following(server.url) as events:
        name, first = next(events)
        now = rest.get(f"{server.url}/v1/total").body
        assert (name, {**first, "as_of": ""}) == ("total", {**now, "as_of": ""})
        world.show(Running(), Figures(7, Counts(3, 1, 1, 1, 10**10)))
        assert next(events)[1]["total"] == "11"
        world.show(Refused("rot", "cure"))
        assert next(events)[1]["partitions"][PARTITION]["state"] == "REFUSED"


def test_one_follower_too_many_is_503_and_a_reader_that_goes_makes_room(world: RestWorld, server: Served) -> None:
    """A follower beyond the limit is answered 503 with Retry-After, and a follower that disconnects frees its place."""
    with following(server.url) as first, following(server.url) as second:
        next(first), next(second)
        assert len(world.feed) == LISTENERS_MAX
        refused = rest.get(f"{server.url}/v1/events")
        assert (refused.status, refused.headers["retry-after"]) == (503, "5")
        assert refused.body["type"] == "urn:tally:problem:too-many-listeners"
    eventually(lambda: len(world.feed) == 0, ANSWER_S, "places of readers that went are free")


def test_the_end_of_the_consumer_is_told_and_the_stream_ends(world: RestWorld, server: Served) -> None:
    """When the consumer stops, each follower gets an `end` event with the reason, and then the stream is closed."""
    with following(server.url) as events:
        next(events)
        server.do(world.feed.close)
        assert list(events) == [("end", {"reason": "stopping"})]


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="only Linux can close what takes nothing")
def test_a_connection_that_takes_nothing_is_closed_by_the_kernel() -> None:
    """Accepted connections have a time-out for unacknowledged data, so a reader that hangs does not keep its own."""
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == 30_000
