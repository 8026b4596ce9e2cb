"""Whatever schema a stranger's record or dead letter has, the oracle reads it as the consumer does, and ends."""

import json
import random
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oracle.decoding import Unfit, read_record
from oracle.facts import TopicRecord
from oracle.letters import read_dead_letters
from tally.base.framing import frame
from tally.generated.avro.dead_letter import DeadLetter, DeadLetterReason
from tally.generated.topics import SUMS
from tests_support.consumer.golden_records import OURS, Case
from tests_support.consumer.strange_schemas import (
    COUNT_MAX,
    MARKS,
    NODE,
    STRANGE,
    Strange,
    any_body,
    any_writer,
    array,
    changed,
)
from tests_support.consumer.verdict_corpus import consumer_schemas, told_by_consumer
from tests_support.ledger.records import PARTITION, PARTITIONS, body, request_id

THEIRS = 77
ID = request_id(0)


def said(schema: str, data: bytes) -> tuple[str, str]:
    """Return the consumer's reason and the oracle's."""
    case = Case("strange", ID, frame(THEIRS) + data)
    (told,) = told_by_consumer([case], consumer_schemas({OURS: SUMS.schema, THEIRS: schema}))
    record = TopicRecord(partition=PARTITION, offset=0, key=case.key, value=case.value)
    read = read_record(record, {OURS: SUMS.schema, THEIRS: schema}, SUMS.schema, PARTITIONS)
    return told.reason, read.reason if isinstance(read, Unfit) else "NONE"


@pytest.mark.parametrize("strange", STRANGE, ids=[each.name for each in STRANGE])
def test_a_strange_record_has_its_verdict_from_both(strange: Strange) -> None:
    """Consumer and oracle come to an end with each record that could end or hold up a reader, and with one verdict."""
    assert said(strange.schema, body(ID, 1, 2) + strange.tail) == (strange.reason, strange.reason)


@given(st.integers(0, 2**32))
def test_any_schema_and_bytes_have_one_verdict(seed: int) -> None:
    """For any fields beside ours, any types in place of ours, and any bytes, the oracle has the consumer's reason."""
    rng = random.Random(seed)
    schema = any_writer(rng)
    if rng.random() < 0.5:
        schema = changed(rng, schema)
    theirs, ours = said(json.dumps(schema), any_body(rng, body(ID, 1, 2)))
    assert theirs == ours


FIELDS = [each for each in STRANGE if each.reason == "NONE" and not each.marks and "SumAdded" not in str(each.types)]
"""Fields that any record may have."""
LETTER = DeadLetter(
    source_topic=SUMS.name, source_topic_id="id", source_partition=3, source_offset=5,
    source_timestamp=datetime.fromtimestamp(0, UTC), reason=DeadLetterReason.FRAMING, detail="d", key=b"k", value=b"v",
)  # fmt: skip


def letter_schema(**kinds: Any) -> str:
    """Return the contract's schema with other types of some fields, and with one field more for each other name."""
    schema = json.loads(DeadLetter.SCHEMA)
    fields = {field["name"]: field for field in schema["fields"]}
    fields |= {name: {"name": name, "type": kind} for name, kind in kinds.items()}
    return json.dumps(schema | {"fields": list(fields.values())})


@pytest.mark.parametrize(
    ("schema", "tail"),
    [
        (letter_schema(source_topic=NODE), b"\2" * 100_000),
        (letter_schema(source_topic=array("null")), COUNT_MAX),
        (letter_schema(key=["null", NODE]), b""),
        (letter_schema(value={"type": "fixed", "name": "V", "size": -1}), b""),
        (letter_schema(extra=NODE), b"\2" * 100_000),
        (letter_schema(extra=array("boolean")), COUNT_MAX),
        (letter_schema(extra={"type": "record", "name": "E", "fields": [{"name": "e", "type": "E"}]}), b""),
        (json.dumps(array(array("null"))), COUNT_MAX),
        (json.dumps(NODE), b"\2" * 100_000),
        ("[" * 3_000 + "]" * 3_000, b""),
        (json.dumps({"type": "record", "name": "R"}), b""),
        (json.dumps(json.loads(DeadLetter.SCHEMA) | MARKS), b""),
    ],
)
def test_a_letter_of_a_strange_schema_is_a_stranger_with_a_reason(schema: str, tail: bytes) -> None:
    """No schema of a dead letter ends or holds up the oracle: what is no letter by it is named, with the reason."""
    record = TopicRecord(partition=3, offset=0, key=None, value=frame(THEIRS) + tail)
    letters, (stranger,) = read_dead_letters({3: [record]}, {THEIRS: schema}, SUMS.name)
    assert (letters, stranger.offset) == ([], 0)
    assert "schema" in stranger.why


@pytest.mark.parametrize("strange", FIELDS, ids=[each.name for each in FIELDS])
def test_what_a_letter_has_beside_the_contract_is_stepped_over(strange: Strange) -> None:
    """A letter with further fields, however deep and long they are, is the letter that it is without them."""
    extra = {f"extra_{number}": kind for number, kind in enumerate(strange.types)}
    schema = letter_schema(**extra)
    record = TopicRecord(partition=3, offset=9, key=None, value=frame(THEIRS) + LETTER.encode() + strange.tail)
    (letter,), strangers = read_dead_letters({3: [record]}, {THEIRS: schema}, SUMS.name)
    assert strangers == []
    assert (letter.source_offset, letter.reason, letter.key, letter.value) == (5, "FRAMING", b"k", b"v")
