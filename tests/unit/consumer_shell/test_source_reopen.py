"""A client that lost its place in the group is let go, even when it does not end."""

import threading
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import pytest

from consumer.shell.kafka import source
from consumer.shell.kafka.ports import Ownership
from consumer.shell.kafka.source import KafkaSource, SourceConfig

CONFIG = SourceConfig(
    topic="t",
    group="g",
    replica="r",
    group_protocol="classic",
    session_timeout_ms=6_000,
    block_records_max=1,
    block_wait_ms=1,
    prefetch_kbytes=1,
)


class Client:
    """A client of librdkafka that only notes what it is told; its ``close`` waits until ``may_end``."""

    made: ClassVar[list["Client"]] = []

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = config
        self.callbacks: dict[str, Callable[..., None]] = {}
        self.may_end = threading.Event()
        Client.made.append(self)

    def subscribe(self, _topics: list[str], **callbacks: Callable[..., None]) -> None:
        """Note the callbacks."""
        self.callbacks = callbacks

    def close(self) -> None:
        """Wait, as librdkafka may, for what never comes."""
        self.may_end.wait()


def test_a_client_that_does_not_end_is_left_behind_and_calls_back_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next member joins after the limit, and nothing that the old one says reaches the owner."""
    monkeypatch.setattr(source, "Consumer", Client)
    monkeypatch.setattr(source, "_CLOSE_LIMIT_S", 0.05)
    monkeypatch.setattr(Client, "made", [])
    told: list[object] = []
    subject = KafkaSource({}, CONFIG)
    subject.subscribe(Ownership(told.append, lambda *given: told.append(given), told.append))
    subject.reopen()
    old, new = Client.made
    try:
        for name in ("on_assign", "on_revoke", "on_lost"):
            old.callbacks[name](old, [])
        old.config["on_commit"](None, [])
        old.config["error_cb"](None)
        assert told == []
        assert subject.complaint is None
        new.config["on_commit"](None, [])
        assert len(told) == 1
        assert sorted(new.callbacks) == ["on_assign", "on_lost", "on_revoke"]
    finally:
        old.may_end.set()
