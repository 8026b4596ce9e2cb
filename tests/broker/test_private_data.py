"""What a whole system leaves on the disk: readable by its user alone, and small however much junk it is sent."""

import os
import random
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from oracle.history import History
from stack import Stack
from stack.parts.names import PartName
from tests_support import rest
from tests_support.producer.callers import Caller, new_pair
from tests_support.running.live import live_stack
from tests_support.running.stacks import others_may_use
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]

SEEN_S = 20.0
JUNK_REQUESTS = 10_000
LINES_MAX = 200


@pytest.fixture
def stack(tmp_path: Path) -> Iterator[Stack]:
    before = os.umask(0o022)
    with live_stack(tmp_path / "made" / "data") as live:
        yield live
    os.umask(before)


def junk(address: tuple[str, int], number: int) -> None:
    """Send what is no request, and read until the connection ends."""
    requests = (
        b"GET / HTTP/1.1\r\nHost: a:b\r\n\r\n",
        b"GET /contracts/%00%0A2026%20ERROR%1b[2J HTTP/1.1\r\nHost: a:b\r\n\r\n",
        b"\x16\x03\x01\x1b[2J\r\n\r\n",
        b"GET /\x1b[2J\n\n HTTP/9.9\r\n\r\n",
    )
    with socket.create_connection(address, timeout=SEEN_S) as connection:
        connection.sendall(requests[number % len(requests)])
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(4096):
            pass


def test_all_that_a_run_leaves_is_its_users_alone_and_junk_fills_no_log(stack: Stack) -> None:
    """After additions, an export and ten thousand junk requests at each port: rights, and lines of the logs."""
    caller = Caller(stack.grpc_target, History())
    caller.add(new_pair(random.Random(1)))
    caller.close()
    eventually(lambda: rest.get(f"{stack.rest_url}/v1/total").body["count"] == 1, SEEN_S, "the addition is counted")
    export = (
        f"{stack.rest_url}{rest.call('POST', f'{stack.rest_url}/v1/exports', {'format': 'csv'}).headers['location']}"
    )
    eventually(lambda: rest.get(export).body["state"] == "DONE", SEEN_S, "the export is written")
    services: tuple[PartName, ...] = ("producer", "consumer")
    log_lines = {part: len(stack.log_path(part).read_bytes().splitlines()) for part in services}
    for url in (stack.rest_url, f"http://{stack.grpc_target}"):
        parts = urlsplit(url)
        assert parts.hostname is not None
        assert parts.port is not None
        for number in range(JUNK_REQUESTS // 2):
            junk((parts.hostname, parts.port), number)
    for part, before in log_lines.items():
        text = stack.log_path(part).read_bytes().decode()
        assert all(line.isprintable() for line in text.split("\n")), part
        assert len(text.splitlines()) - before < LINES_MAX, part
    assert stack.data_dir.stat().st_mode & 0o077 == 0
    assert others_may_use(stack.data_dir) == []
