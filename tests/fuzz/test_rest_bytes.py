"""Requests to REST whose bytes were changed at random, on connections of their own."""

import http.client
import io
import json
import logging
import random
import socket
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import psutil
import pytest
from loguru import logger

from consumer.rest.connections.limits import ConnectionLimits
from tests_support import rest
from tests_support.consumer.rest_world import rest_world
from tests_support.producer.mutations import mutated
from tests_support.running.faults import chosen_seed
from tests_support.running.served import served
from tests_support.waiting import eventually

CONNECTIONS: Final = 3_000
AT_ONCE: Final = 16
LIMITS: Final = ConnectionLimits(connections_max=64, head_timeout_s=0.3, idle_timeout_s=0.3)
"""Short, for many a changed request is one that never ends."""
ANSWER_S: Final = 30.0
DESCRIPTORS_MORE_MAX: Final = 8
REFUSALS_OF_SERVERS: Final = {501, 503, 504}
"""Documented: an encoding that is not known, a partition that is not here, a position that is not reached."""

PATHS: Final = (
    "/", "/v1/total?min_position=3:1&wait_ms=1", "/v1/entries?partition=3&limit=2", "/v1/partitions/3", "/contracts/",
    "/v1/requests/c45facb5-2d96-4ead-8328-46c9aab12dec", "/v1/exports/x/file", "/schema/assets/swagger-ui.css",
    "/v1/partitions/3/segments/0", "/favicon.ico", "/metrics", "/nowhere",
)  # fmt: skip
ORDER: Final = b'{"format":"csv","partitions":[3],"from":"2026-01-01T00:00:00Z"}'
ODD: Final = (
    b"\r\n\r\n", b"%00", b"%ff", b"\xff", b"[" * 500, b"a" * 5_000, b"\x00", b" ", b"\n", b"\r\nHost: a:b\r\n",
    b"\r\nContent-Length: 5\r\n", b"\r\nTransfer-Encoding: chunked\r\n", b"\r\nExpect: 100-continue\r\n",
)  # fmt: skip
"""What readers of HTTP stumble over: ends of heads, second lengths and hosts, bytes that are no text, and length."""


def valid(rng: random.Random) -> bytes:
    """Return a request that REST takes."""
    head = b"Host: localhost\r\nConnection: close\r\n"
    if rng.randrange(4) == 0:
        body = ORDER if rng.randrange(2) else b'{"partitions":[3]}'
        line = b"POST /v1/exports HTTP/1.1\r\n" if body is ORDER else b"POST /v1/audits HTTP/1.1\r\n"
        return line + head + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    method, path = rng.choice(["GET", "HEAD", "OPTIONS", "DELETE"]), rng.choice(PATHS)
    return f"{method} {path} HTTP/1.1\r\n".encode() + head + b"\r\n"


def changed(rng: random.Random) -> bytes:
    """Return a request with some bytes changed or with what readers stumble over in it; now and then as it was."""
    data = valid(rng)
    match rng.randrange(8):
        case 0:
            return data
        case 1 | 2 | 3:
            at = rng.randint(0, len(data))
            return data[:at] + rng.choice(ODD) + data[at:]
        case _:
            return mutated(data, rng)


def answered(address: tuple[str, int], data: bytes) -> bytes:
    """Send bytes and return all that comes back until the connection ends."""
    found = bytearray()
    with socket.create_connection(address, ANSWER_S) as connection:
        try:
            connection.sendall(data)
            while piece := connection.recv(65_536):
                found += piece
        except ConnectionError:
            pass  # refused while it was still being sent
    return bytes(found)


class Received:
    """Bytes where http.client looks for a socket."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, *_: Any) -> io.BytesIO:
        """Return the bytes as a file."""
        return io.BytesIO(self._data)


def status_of(data: bytes) -> int:
    """Return the status of the first answer, which is whole and, if it is a refusal, a problem document."""
    answer = http.client.HTTPResponse(Received(data))  # type: ignore[arg-type] # all that it needs of a socket
    answer.begin()
    if answer.status >= 400:
        assert answer.headers["content-type"].startswith("application/problem+json"), data[:500]
        body = answer.fp.read()
        if body and not body.startswith(b"HTTP/"):  # of HEAD, there is none, but the next answer may follow
            document = json.JSONDecoder().raw_decode(body.decode())[0]
            assert document["type"].startswith("urn:tally:problem:"), data[:500]
            assert document["status"] == answer.status
    return answer.status


def test_changed_requests_are_answered_or_refused_and_never_a_defect(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever bytes arrive, an answer is a documented one, nothing is logged as a defect, and all is closed after."""
    rng = random.Random(chosen_seed())
    requests = [changed(rng) for _ in range(CONNECTIONS)]
    defects: list[str] = []
    sink = logger.add(lambda line: defects.append(str(line)) if line.record["exception"] else None, level="DEBUG")
    try:
        with rest_world(tmp_path) as made, served(made.app, LIMITS) as server:
            url = urlsplit(server.url)
            assert url.hostname is not None
            assert url.port is not None
            address = (url.hostname, url.port)
            answered(address, valid(rng))
            descriptors = psutil.Process().num_fds()
            with ThreadPoolExecutor(AT_ONCE) as pool:
                answers = list(pool.map(lambda data: answered(address, data), requests))
            statuses = Counter(status_of(answer) if answer else 0 for answer in answers)
            print(dict(sorted(statuses.items())))
            assert {status for status in statuses if status >= 500} <= REFUSALS_OF_SERVERS
            assert statuses[400] > CONNECTIONS // 10
            assert statuses[200] > CONNECTIONS // 100
            eventually(
                lambda: psutil.Process().num_fds() <= descriptors + DESCRIPTORS_MORE_MAX, 30, "connections are closed"
            )
            assert rest.get(f"{server.url}/health/live").status == 200
    finally:
        logger.remove(sink)
    assert defects == []
    assert [each for each in caplog.records if each.exc_info or each.levelno >= logging.ERROR] == []
