"""Connections that say nothing, too little, or no HTTP: each ends, none takes another's place, and all are told why."""

import asyncio
import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from typing import Any

import pytest

from consumer.rest.connections.limits import (
    CONNECTIONS_MIN,
    KEPT_FREE,
    ConnectionLimits,
    DescriptorsError,
    connections_within,
)
from tests_support.running.raw_http import RawConnection
from tests_support.running.served import Served, served
from tests_support.waiting import eventually

LIMITS = ConnectionLimits(connections_max=8, head_timeout_s=30.0, idle_timeout_s=30.0)
SOON = replace(LIMITS, head_timeout_s=0.2, idle_timeout_s=0.2)
GET = "GET / HTTP/1.1\nHost: localhost\n\n"
SEEN_S = 20


class App:
    """Answers with what it was sent; a call of ``/held`` waits until it is let go."""

    def __init__(self) -> None:
        self.let_go = threading.Event()
        self.calls = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self.calls += 1
        body = b""
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            if not message.get("more_body", False):
                break
        if scope["path"] == "/held":
            await asyncio.to_thread(self.let_go.wait)
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(body))]})
        await send({"type": "http.response.body", "body": body})


@pytest.fixture
def app() -> Iterator[App]:
    made = App()
    yield made
    made.let_go.set()


@pytest.fixture
def server(app: App) -> Iterator[Served]:
    with served(app, LIMITS) as running:
        yield running


@pytest.fixture
def hasty(app: App) -> Iterator[Served]:
    """A server that waits for nothing long."""
    with served(app, SOON) as running:
        yield running


def test_a_newcomer_is_answered_however_many_silent_connections_there_are(server: Served) -> None:
    """Beyond the number of connections, the one that has been silent the longest ends, and the newcomer is answered."""
    with ExitStack() as stack:
        silent = [stack.enter_context(RawConnection(server.url)) for _ in range(40)]
        with RawConnection(server.url) as newcomer:
            assert newcomer.send(GET).answer().status == 200
        assert all(each.is_closed() for each in silent[: 40 - LIMITS.connections_max])


def test_a_connection_that_is_answered_never_gives_way(app: App, server: Served) -> None:
    """While all connections are being answered a newcomer gets 503 with the reason, and the answers arrive."""
    with ExitStack() as stack:
        held = [stack.enter_context(RawConnection(server.url)) for _ in range(LIMITS.connections_max)]
        for each in held:
            each.send("GET /held HTTP/1.1\nHost: localhost\n\n")
        eventually(lambda: app.calls == len(held), SEEN_S, "all are being answered")
        with RawConnection(server.url) as newcomer:
            answer = newcomer.send(GET).answer()
            assert answer.status == 503
            assert answer.problem["type"] == "urn:tally:problem:too-many-connections"
            assert answer.headers["retry-after"] == "1"
        app.let_go.set()
        assert [each.answer().status for each in held] == [200] * len(held)


def test_a_connection_that_is_idle_gives_way_before_one_that_came_later(server: Served) -> None:
    """Of the connections that wait, the one whose last answer is the oldest ends first."""
    with RawConnection(server.url) as first, RawConnection(server.url) as second:
        second.send(GET).answer()
        first.send(GET).answer()
        with ExitStack() as stack:
            others = [stack.enter_context(RawConnection(server.url)) for _ in range(LIMITS.connections_max - 1)]
            others[-1].send(GET).answer()
            assert second.is_closed()
            assert first.send(GET).answer().status == 200


@pytest.mark.parametrize(
    ("sent", "status"), [("", None), ("GET / HTTP/1.1\nHo", 408), ("GET / HTTP/1.1\nHost: localhost\nA: b\n", 408)]
)
def test_headers_that_are_not_complete_in_time_end_the_connection(hasty: Served, sent: str, status: int | None) -> None:
    """A connection whose request is late ends: with 408 if the request had begun, with nothing if it was silent."""
    with RawConnection(hasty.url) as connection:
        connection.send(sent)
        if status is not None:
            answer = connection.answer()
            assert answer.status == status
            assert "TALLY_REST_HEAD_TIMEOUT_MS" in answer.problem["detail"]
        assert connection.is_closed()


def test_a_byte_now_and_then_does_not_keep_a_connection(hasty: Served) -> None:
    """A request that arrives byte by byte ends by the same time-out as one that stopped."""
    with RawConnection(hasty.url) as connection:
        stop = threading.Event()

        def trickle() -> None:
            connection.send("GET / HTTP/1.1\nHost: localhost\n")
            while not stop.wait(0.02):
                try:
                    connection.send("X: y\n")
                except OSError:
                    return

        thread = threading.Thread(target=trickle)
        thread.start()
        try:
            assert connection.answer().status == 408
        finally:
            stop.set()
            thread.join()


def test_a_connection_on_which_nothing_more_is_asked_ends(hasty: Served) -> None:
    """After an answer the connection is kept for the next request, and closed when none comes in time."""
    with RawConnection(hasty.url) as connection:
        assert connection.send(GET).answer().status == 200
        assert connection.is_closed()


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ("nonsense\n\n", 400),
        ("GET / HTTP/1.1\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\nHost: b\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\nContent-Length: 1\nContent-Length: 2\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\nContent-Length: 1_0\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\nContent-Length: " + "9" * 5_000 + "\n\n", 400),
        ("GET /\xff HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\nHost: a\n\x00: b\n\n", 400),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: gzip\n\n", 501),
        ("GET / HTTP/1.1\nHost: a\nX: " + "y" * 70_000, 431),
        ("GET /" + "x" * 70_000, 431),
        ("POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\nno number\n", 400),
    ],
)
def test_what_is_no_http_is_answered_by_a_problem_document_and_the_connection_ends(
    server: Served, sent: str, status: int
) -> None:
    """A request that is malformed at the level of HTTP gets a problem document with a type, and its connection ends."""
    with RawConnection(server.url) as connection:
        answer = connection.send(sent).answer()
        assert answer.status == status
        assert answer.problem["type"] == "urn:tally:problem:malformed-request"
        assert answer.headers["connection"] == "close"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert connection.is_closed()


def test_requests_in_one_packet_are_answered_one_after_the_other(server: Served) -> None:
    """Pipelined requests are all answered, in their order, and the connection is kept."""
    post = "POST / HTTP/1.1\nHost: localhost\nContent-Length: 3\n\nabc"
    with RawConnection(server.url) as connection:
        connection.send(GET + post + GET)
        assert [connection.answer().content for _ in range(3)] == [b"", b"abc", b""]
        assert connection.send(GET).answer().status == 200


@pytest.mark.parametrize(
    "sent",
    [
        "POST / HTTP/1.1\nHost: localhost\nContent-Length: 100\n\nhalf",
        "POST / HTTP/1.1\nHost: localhost\nTransfer-Encoding: chunked\n\n4\nhalf\n",
        "GET / HTTP/1.1\nHo",
        "",
        "GET /held HTTP/1.1\nHost: localhost\n\n",
    ],
)
def test_a_stop_waits_for_no_caller_and_leaves_no_traceback(
    app: App, sent: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Half a request, silence, or a call that lasts holds a stop no longer than its deadline, and logs no traceback."""
    with caplog.at_level(logging.WARNING), served(app, LIMITS) as server:
        connection = RawConnection(server.url).send(sent)
        if sent:
            eventually(lambda: app.calls or "Ho" in sent[-3:], SEEN_S, "the call has begun")
    with connection:
        if "half" in sent:
            assert connection.answer().problem["type"] == "urn:tally:problem:stopping"
        assert connection.is_closed()
    assert [record for record in caplog.records if record.exc_info] == []
    assert "Traceback" not in caplog.text


@pytest.mark.parametrize(
    ("descriptors", "wanted", "allowed"), [(65_536, 512, 512), (1_024, 512, (1_024 - KEPT_FREE) // 2), (288, 512, 16)]
)
def test_connections_leave_the_ledgers_their_descriptors(descriptors: int, wanted: int, allowed: int) -> None:
    """Where few files may be open, fewer connections are allowed than the setting says."""
    assert connections_within(descriptors, wanted) == allowed


def test_a_limit_that_leaves_too_few_connections_is_told_with_its_cure() -> None:
    """A limit of open files under which the consumer cannot work is refused, with the number it needs and the cure."""
    with pytest.raises(DescriptorsError, match=r"is 287, and the consumer needs at least 288: .*ulimit -n"):
        connections_within(KEPT_FREE + 2 * CONNECTIONS_MIN - 1, 512)
