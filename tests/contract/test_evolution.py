"""Readers of v1 read v2 and the reverse, offline; other bytes are undecodable."""

import datetime
import io
import json
import uuid
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro

from tally.event.codes import UNDECODABLE
from tally.event.resolution import read, resolve
from tally.event.values import read_own
from tally.event.verdict import Event, Poison
from tally.generated.avro.sum_added import SumAdded
from tests_support.contracts.avro_modules import imported

NOTE = {"name": "note", "doc": "What the caller says.", "type": ["null", "string"], "default": None}
FIELDS: dict[str, Any] = {
    "request_id": uuid.UUID(int=7),
    "a": Decimal("-2.000000001"),
    "b": Decimal("40.5"),
    "sum": Decimal("38.499999999"),
    "added_at": datetime.datetime(2026, 1, 2, 3, 4, 5, 6, datetime.UTC),
}


def _v2() -> str:
    schema = json.loads(SumAdded.SCHEMA)
    return json.dumps({**schema, "fields": [*schema["fields"], NOTE]})


def test_a_consumer_on_v1_reads_what_a_producer_on_v2_writes(tmp_path: Path) -> None:
    """A record written with an added field is read by the schema without it as the same event."""
    with imported(_v2(), tmp_path) as module:
        body = module.SumAdded(**FIELDS, note="hello").encode()
    found = read(resolve(_v2()), body)
    assert isinstance(found, Event)
    assert found == read_own(SumAdded(**FIELDS).encode())


def test_a_consumer_on_v2_reads_what_a_producer_on_v1_wrote_with_the_default(tmp_path: Path) -> None:
    """A record written before a field was added is read with that field's default."""
    v1, v2 = (fastavro.parse_schema(json.loads(text)) for text in (SumAdded.SCHEMA, _v2()))
    found: Any = fastavro.schemaless_reader(io.BytesIO(SumAdded(**FIELDS).encode()), v1, v2)
    with imported(_v2(), tmp_path) as module:
        assert module.SumAdded(**{**found, "request_id": _uuid(found["request_id"])}) == module.SumAdded(**FIELDS)


def test_bytes_that_follow_neither_version_are_undecodable_and_no_record() -> None:
    """Bytes that follow no version are UNDECODABLE by each, and never an event."""
    for text in (SumAdded.SCHEMA, _v2()):
        outcome = read(resolve(text), b"\x01\x02")
        assert isinstance(outcome, Poison)
        assert outcome.reason == UNDECODABLE


def _uuid(value: object) -> uuid.UUID:
    return value if isinstance(value, uuid.UUID) else uuid.UUID(bytes=bytes(value))  # type: ignore[call-overload]
