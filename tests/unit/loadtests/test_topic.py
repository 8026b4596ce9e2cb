"""The load's reader beside the system: whatever others put into the topics does not end it."""

from typing import Any
from unittest.mock import MagicMock, patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtests.errors import LoadError
from loadtests.judging import topic
from loadtests.judging.topic import TopicWatch
from loadtests.traffic.additions import TAG_BYTES
from tally.base.framing import SchemaName, frame
from tally.registry.errors import RegistryUnreachable, SchemaUnknown
from tally.registry.lookup import SchemaRegistry
from tests_support.consumer.verdict_corpus import read_corpus
from tests_support.ledger.records import body, request_id

SCHEMAS, _ = read_corpus()


class Texts(SchemaRegistry):
    """A registry in memory; the one with id 500 makes it go away."""

    def schema(self, name: SchemaName) -> str:
        if name == 500:
            raise RegistryUnreachable("the registry is away")
        if not isinstance(name, int) or name not in SCHEMAS:
            raise SchemaUnknown(f"there is no schema {name}")
        return SCHEMAS[name]


def watch() -> TopicWatch:
    with patch.object(topic, "Consumer"):
        made = TopicWatch(MagicMock(kafka="127.0.0.1:1", registry="http://127.0.0.1:1"), request_id(0)[:TAG_BYTES])
    made._schemas._registry = Texts("http://127.0.0.1:1")
    made._partitions = 12
    return made


def message(name: str, value: bytes | None, key: bytes | None = request_id(0)) -> Any:
    made = MagicMock()
    made.error.return_value = None
    made.topic.return_value, made.key.return_value, made.value.return_value = name, key, value
    made.partition.return_value, made.offset.return_value = 3, 7
    return made


WATCH = watch()


@given(
    st.sampled_from([*SCHEMAS, 999]).map(frame) | st.binary(max_size=9),
    st.binary(max_size=120) | st.just(body(request_id(0), 1, 2)),
)
def test_no_bytes_end_the_watch(before: bytes, behind: bytes) -> None:
    """A record of any bytes in either topic is judged or ignored, and never ends the watch."""
    for name in (topic.TOPIC, topic.DEAD_LETTERS):
        for value in (None, before + behind):
            WATCH._look(message(name, value))


def test_what_is_wrong_with_a_record_is_told_in_the_words_of_the_contract() -> None:
    """A bad record is reported with the contract's reason, as the ledger and the commands do."""
    own = watch()
    for value in (b"junk!", frame(999) + b"x", frame(1) + b"x", frame(1) + body(request_id(0), 1, 2, 4)):
        own._look(message(topic.TOPIC, value))
    words = [line.partition(": ")[2].partition(":")[0] for line in own.first_wrong()]
    assert words == ["FRAMING", "UNKNOWN_SCHEMA", "UNDECODABLE", "WRONG_SUM"]


def test_a_registry_that_is_away_ends_the_watch() -> None:
    """A registry that does not answer ends the watch, since a load that nobody judged must not count as good."""
    with pytest.raises(LoadError):
        watch()._look(message(topic.DEAD_LETTERS, frame(500) + b"x"))
