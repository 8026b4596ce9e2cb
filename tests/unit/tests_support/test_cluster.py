"""A cluster of a test leaves nothing running, whatever happens."""

import socket
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from stack.ports import HOST
from tests_support.chaos.cluster import Cluster


def test_a_service_that_does_not_end_keeps_nothing_else_running(tmp_path: Path) -> None:
    """The others are ended and the proxies closed all the same, and then it is told."""
    cluster, ended = Cluster(tmp_path), list[str]()

    def stuck() -> None:
        raise TimeoutError("it did not end")

    processes: Any = [
        SimpleNamespace(end=lambda: ended.append("producer")),
        SimpleNamespace(end=stuck),
        SimpleNamespace(end=lambda: ended.append("consumer")),
    ]
    cluster.producers, cluster.consumers = cast("list[Any]", processes[:2]), cast("list[Any]", processes[2:])
    with pytest.raises(TimeoutError, match="it did not end"):
        cluster.close()
    assert sorted(ended) == ["consumer", "producer"]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((HOST, cluster.proxy.port), timeout=5)
