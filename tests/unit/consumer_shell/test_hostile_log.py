"""What strangers send to REST and what the log then says: few lines, all of the journal, none of them forged."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from loguru import logger

from observability import logs
from tests_support.consumer.rest_world import rest_world
from tests_support.running.served import served

ANSWER_S = 20
JUNK_REQUESTS = 500
BYTES_A_REQUEST_MAX = 1_000
FORGED = b"/contracts/%00%0A2026-01-01%20ERROR%20forged%1b[2J"

REQUESTS = {
    "a host that is none": b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
    "an entry asked of a host that is none": b"GET /v1/entries?partition=1 HTTP/1.1\r\nHost: a:b\r\n\r\n",
    "a forged line": b"GET " + FORGED + b" HTTP/1.1\r\nHost: a:b\r\n\r\n",
    "a forged line of a good host": b"GET " + FORGED + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
    "no HTTP": b"\x16\x03\x01\x1b[2J\r\n\r\n",
}


@pytest.fixture
def address(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """Where REST listens; its log is JSON on standard error."""
    logs.configure("consumer", "INFO", "json")
    with rest_world(tmp_path) as world, served(world.app) as running:
        parts = urlsplit(running.url)
        assert parts.hostname and parts.port  # noqa: PT018
        yield parts.hostname, parts.port
    logger.remove()


def ask(address: tuple[str, int], request: bytes) -> bytes:
    with socket.create_connection(address, timeout=ANSWER_S) as connection:
        connection.sendall(request)
        return connection.recv(4096)


@pytest.mark.parametrize("request_bytes", REQUESTS.values(), ids=REQUESTS)
def test_a_hostile_request_makes_no_line_outside_of_the_journal_and_few_bytes(
    address: tuple[str, int], request_bytes: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    """The error handler holds whatever the request says, and each line that is written is one of JSON."""
    for _ in range(JUNK_REQUESTS):
        assert ask(address, request_bytes).startswith(b"HTTP/1.1 ")
    written = capfd.readouterr().err
    assert all(line.isprintable() for line in written.split("\n"))
    events = [json.loads(line) for line in written.splitlines()]
    assert not any("ASGI application" in event["message"] for event in events)
    assert len(events) < 50
    assert len(written) < BYTES_A_REQUEST_MAX * JUNK_REQUESTS
