"""The health check of Kafka's container, in bash, against servers that answer as Kafka and as others do."""

import contextlib
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator

import pytest

from tests_support.checkout import ROOT

SCRIPT = ROOT / "stack" / "kafka_health.sh"
ASKED = struct.pack(">ihhih i?", 15, 3, 4, 7, -1, 0, False)
"""Length, request 3 in version 4, our number, no name of a client; no topic, and none is to be made."""


@contextlib.contextmanager
def server(answer: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """Serve one connection with these bytes; yield its port and what it was sent."""
    got: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(30)

        def serve() -> None:
            connection, _ = listening.accept()
            with connection:
                got.append(connection.recv(1_000))
                connection.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1], got
        thread.join(30)


def check(port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", SCRIPT, str(port)], capture_output=True, text=True, timeout=30, check=False)


def answer(number: int, brokers: int) -> bytes:
    """Return the head of an answer: length, number, time to wait, brokers, and some of the first one."""
    return struct.pack(">iiii", 60, number, 0, brokers) + b"\x00\x00\x00\x01\x00\x05kafka\n\xff"


def test_a_broker_that_names_itself_is_healthy() -> None:
    """A broker that answers the one request with itself among the brokers is healthy."""
    with server(answer(7, 1)) as (port, got):
        done = check(port)
    assert (done.returncode, done.stdout, got) == (0, "", [ASKED])


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (answer(7, 0), "not registered yet"),
        (answer(8, 1), "not Kafka's"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "not Kafka's"),
        (answer(7, 1)[:14], "not registered yet"),
        (b"", "no answer"),
    ],
)
def test_another_answer_or_half_of_one_is_not(said: bytes, told: str) -> None:
    """A foreign, cut or empty answer, or one without brokers, is unhealthy for the reason that is printed."""
    with server(said) as (port, _):
        done = check(port)
    assert (done.returncode, told in done.stdout) == (1, True), done.stdout


def test_a_port_without_a_listener_is_told() -> None:
    """A port on which nothing listens is unhealthy, and the reason names the port."""
    with socket.socket() as silent:  # bound, so that nobody else begins to listen there
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        done = check(port)
    assert (done.returncode, f"nothing listens on port {port}" in done.stdout) == (1, True)
