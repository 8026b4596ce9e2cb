"""What the source makes of errors that come in the place of records."""

from typing import Any
from unittest.mock import MagicMock

import pytest
from confluent_kafka import KafkaError, Message

from consumer.shell.kafka.ports import Fetch
from consumer.shell.kafka.source import BATCH_BYTES_MAX, KafkaSource, SourceConfig
from tally.kafka.config import READS_ANY_RECORD

CONFIG = SourceConfig(
    topic="t", group="g", replica="0", group_protocol="classic", session_timeout_ms=6_000, block_records_max=100,
    block_wait_ms=10, prefetch_kbytes=1024,
)  # fmt: skip


def given(partition: int, offset: int, error: int | None = None) -> Message:
    """Return a record, or an error in the place of one."""
    told = None if error is None else KafkaError(error)
    return Message(topic="t", partition=partition, offset=offset, key=b"k", value=b"v", error=told)


def places(fetch: Fetch) -> set[tuple[int, int]]:
    return {(batch.partition, int(offset)) for batch in fetch.batches for offset in batch.offsets}


def source(monkeypatch: pytest.MonkeyPatch, shared: dict[str, str] | None = None) -> tuple[KafkaSource, dict[str, Any]]:
    """Return a source without a client, and the configuration that its client would have had."""
    client = MagicMock()
    monkeypatch.setattr("consumer.shell.kafka.source.Consumer", client)
    return KafkaSource({"bootstrap.servers": "127.0.0.1:1", **(shared or {})}, CONFIG), client.call_args.args[0]


UNREADABLE = [KafkaError._BAD_COMPRESSION, KafkaError._BAD_MSG, KafkaError.TOPIC_AUTHORIZATION_FAILED]


@pytest.mark.parametrize(
    "error", [KafkaError._BAD_COMPRESSION, KafkaError._BAD_MSG, KafkaError.TOPIC_AUTHORIZATION_FAILED]
)
def test_nothing_behind_what_cannot_be_read_is_taken(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    """Records before an unreadable place and of other partitions are taken, those behind it are not (I5)."""
    own, _ = source(monkeypatch)
    fetch = own._sorted_out([given(3, 1), given(4, 1), given(3, 2, error), given(3, 3), given(4, 2)])
    assert places(fetch) == {(3, 1), (4, 1), (4, 2)}
    assert fetch.too_large == ({3} if error == KafkaError._BAD_COMPRESSION else set())
    assert fetch.unreadable.keys() == (set() if error == KafkaError._BAD_COMPRESSION else {3})
    assert all(reason and cure for reason, cure in fetch.unreadable.values())


def test_an_error_that_passes_stops_no_partition(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broker that is away for a while is logged, and no partition stops for it."""
    own, _ = source(monkeypatch)
    fetch = own._sorted_out([given(3, 1), given(3, 2, KafkaError._TRANSPORT), given(3, 3)])
    assert (places(fetch), fetch.too_large, fetch.unreadable) == ({(3, 1), (3, 3)}, frozenset(), {})
    assert own.complaint is not None


def test_the_limit_of_an_answer_is_above_what_a_properties_file_asks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit of an answer is above the fetch size of the properties file, as librdkafka does not start otherwise."""
    assert source(monkeypatch)[1]["receive.message.max.bytes"] == BATCH_BYTES_MAX
    large = source(monkeypatch, {"fetch.max.bytes": "100000000"})[1]
    assert large["receive.message.max.bytes"] == 100_000_512
    assert READS_ANY_RECORD["receive.message.max.bytes"] == 2**31 - 1
