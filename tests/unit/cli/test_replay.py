"""From dead letters to additions: what is repaired, what is rejected and why, and what is sent."""

import json
import uuid
from collections.abc import AsyncIterator, Iterable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import fastavro
import pytest

from tally.base.framing import SchemaName, frame
from tally.cli.replaying.corrections import (
    Correction,
    CorrectionsError,
    Rejected,
    Replayable,
    read_corrections,
    repair,
    without_repetitions,
)
from tally.cli.replaying.dead_letters import PublishedLetter, Selection, Source, letter_of
from tally.cli.replaying.journal import ReplayJournal
from tally.cli.replaying.replay import Counted, LetterResult, Status, look_up, send
from tally.client.outcomes import Addition, Committed, Outcome, Position, Refused, Unknown
from tally.event.dead_letter import Copy
from tally.event.plain_schema import without_logical_types
from tally.event.record import Record
from tally.generated.avro.dead_letter import DeadLetter, DeadLetterReason
from tally.generated.avro.sum_added import SumAdded

OURS = 7
GUID = uuid.UUID("89791762-2336-4186-9674-299b90a802e2")
ID = uuid.UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")
OTHER = uuid.UUID("00000000-0000-4000-8000-000000000001")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def text_of(name: SchemaName) -> str | None:
    return SumAdded.SCHEMA if name in {OURS, GUID} else None


def body(a: str, b: str, total: str, own: uuid.UUID = ID) -> bytes:
    return SumAdded(request_id=own, a=Decimal(a), b=Decimal(b), sum=Decimal(total), added_at=NOW).encode()


def letter(
    value: bytes | None, key: bytes | None = ID.bytes, *, offset: int = 5, reason: str = "WRONG_SUM"
) -> PublishedLetter:
    return PublishedLetter(Source("topic-id", 3, offset), reason, "because", Copy(key), Copy(value))


def correction(a: str | None = "2", b: str | None = "3", own: uuid.UUID | None = None) -> Correction:
    return Correction(1, a, b, own)


def rejected(outcome: object, *words: str) -> bool:
    return isinstance(outcome, Rejected) and all(word in outcome.why for word in words)


def test_a_record_whose_place_or_key_was_wrong_is_put_back_as_it_says_under_the_id_in_it() -> None:
    """A readable record with a right sum is sent again with its own operands, under the id in its body."""
    outcome = repair(letter(frame(OURS) + body("2", "40.5", "42.5"), OTHER.bytes), None, None, text_of)
    assert isinstance(outcome, Replayable)
    assert (outcome.addition, outcome.sum) == (Addition(str(ID), "2", "40.5"), "42.5")


def test_a_wrong_sum_is_not_guessed_at_and_the_persons_numbers_win() -> None:
    """A record with a wrong sum is rejected until a person gives the operands, which are then used."""
    value = frame(OURS) + body("2", "2", "5")
    assert rejected(repair(letter(value), None, None, text_of), "2 + 2 = 5", "--repair-with")
    outcome = repair(letter(value), correction("2", "3"), None, text_of)
    assert isinstance(outcome, Replayable)
    assert outcome.addition == Addition(str(ID), "2", "3")


@pytest.mark.parametrize("name", [GUID, OURS], ids=["guid", "id"])
def test_a_record_is_read_by_the_schema_that_its_header_named_or_that_stands_before_its_body(name: SchemaName) -> None:
    """A record's schema is named by its letter, also where that stood in a header, or else by the record's frame."""
    before = b"\x01" + GUID.bytes if name == GUID else frame(OURS)
    all_body, framed = body("2", "40.5", "42.5"), before + body("2", "40.5", "42.5")
    for value, schema in ((all_body, name), (framed, name), (framed, None)):
        outcome = repair(replace(letter(value), schema=schema), None, None, text_of)
        assert isinstance(outcome, Replayable)
        assert outcome.sum == "42.5"


def test_junk_needs_numbers_and_keeps_the_id_of_its_key() -> None:
    """Bytes that are no record are rejected without given operands, and keep the id of the record's key."""
    assert rejected(repair(letter(b"junk"), None, None, text_of), "no frame", "--as-schema")
    outcome = repair(letter(b"junk"), correction(), None, text_of)
    assert isinstance(outcome, Replayable)
    assert outcome.addition.request_id == str(ID)


def test_a_record_without_any_id_needs_one_and_another_id_than_its_own_is_rejected() -> None:
    """An id may be given only to a record that has none of its own; another one is rejected."""
    assert rejected(repair(letter(b"junk", b"x"), correction(), None, text_of), "no request id")
    outcome = repair(letter(b"junk", b"x"), correction(own=OTHER), None, text_of)
    assert isinstance(outcome, Replayable)
    assert outcome.addition.request_id == str(OTHER)
    assert rejected(repair(letter(b"junk"), correction(own=OTHER), None, text_of), str(OTHER), str(ID), "line 1")


def test_a_body_without_its_frame_is_read_by_the_schema_that_is_named() -> None:
    """A body with no frame or an unknown schema is rejected unless --as-schema names how to read it."""
    for value in (body("1", "2", "3"), frame(99) + body("1", "2", "3")):
        assert rejected(repair(letter(value), None, None, text_of), "--as-schema")
        outcome = repair(letter(value), None, OURS, text_of)
        assert isinstance(outcome, Replayable)
        assert outcome.sum == "3"


def of_writer(kind: Any, value: Any) -> tuple[str, bytes]:
    """Return another writer's schema and a record of it whose a and b are of a type of its own."""
    fields = [{"name": "request_id", "type": "string"}, {"name": "a", "type": kind}, {"name": "b", "type": "int"}]
    schema = {"type": "record", "name": "Foreign", "fields": fields}
    out = BytesIO()
    record = {"request_id": str(ID), "a": value, "b": 1}
    fastavro.schemaless_writer(out, fastavro.parse_schema(without_logical_types(schema)), record)
    return json.dumps(schema), out.getvalue()


DECIMAL_4 = {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 4}
DECIMAL_12 = {"type": "bytes", "logicalType": "decimal", "precision": 30, "scale": 12}


@pytest.mark.parametrize(
    ("kind", "value", "a"),
    [
        (DECIMAL_4, (-402_500).to_bytes(4, "big", signed=True), "-40.25"),
        (DECIMAL_12, (1_500_000_000_000).to_bytes(8, "big", signed=True), "1.5"),
        ("long", -3, "-3"),
        ("string", "0.000000001", "0.000000001"),
    ],
)
def test_another_writers_exact_numbers_are_taken_over_exactly(kind: Any, value: Any, a: str) -> None:
    """Decimals of another scale, integers and text of another writer's schema become exact operands."""
    schema, written = of_writer(kind, value)
    outcome = repair(letter(frame(9) + written), None, None, lambda _: schema)
    assert isinstance(outcome, Replayable)
    assert outcome.addition == Addition(str(ID), a, "1")


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("double", 0.5),
        (DECIMAL_12, b"\x01"),
        ({"type": "long", "logicalType": "timestamp-micros"}, 5),
        ("string", "1e3"),
        ("boolean", True),
    ],
)
def test_a_number_that_is_not_exact_in_the_contract_is_rejected(kind: Any, value: Any) -> None:
    """A float, a timestamp, a boolean or too many decimals is rejected with the way to give operands."""
    schema, written = of_writer(kind, value)
    assert rejected(repair(letter(frame(9) + written), None, None, lambda _: schema), "a", "--repair-with")


def test_a_sum_out_of_range_is_rejected() -> None:
    """Operands whose sum has more than 29 digits before the point are rejected before anything is sent."""
    assert rejected(repair(letter(b""), correction("9" * 29, "9" * 29), None, text_of), "29 digits")


def test_two_letters_of_one_id_are_one_addition_or_the_later_one_is_rejected() -> None:
    """A second letter of an id is accepted with the same operands and rejected with others."""
    one, same, other = (
        repair(letter(b"", offset=offset), correction("2", b), None, text_of) for offset, b in enumerate("334", start=1)
    )
    checked = without_repetitions([one, same, other])
    assert checked[:2] == [one, same]
    assert rejected(checked[2], "3:1", "2 + 3")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("{", "not JSON"),
        ("[]", '"source"'),
        ('{"source": "3:5", "a": 2, "b": "1"}', "as text"),
        ('{"source": "3:5", "a": "2"}', "both a and b"),
        ('{"source": "3:5", "a": "1e5", "b": "1"}', "1e5"),
        ('{"source": "3:5", "a": "1", "b": "1", "request_id": "x"}', "UUID"),
        ('{"source": "3:5"}\n{"source": "3:5"}', "line 2"),
    ],
)
def test_a_line_of_repairs_that_cannot_be_used_is_named_with_what_is_allowed(line: str, words: str) -> None:
    """A line of the corrections that is malformed or repeated is refused with what is allowed."""
    with pytest.raises(CorrectionsError, match=words):
        read_corrections([part.encode() for part in line.split("\n")])


def test_letters_are_chosen_by_reason_partition_and_place() -> None:
    """A selection takes the letters that match its reasons, its partition and its places, and no others."""
    one = letter(b"")
    assert Selection().has(one)
    assert Selection(frozenset({"WRONG_SUM"}), 3, frozenset({"3:5"})).has(one)
    for other in (Selection(frozenset({"FRAMING"})), Selection(partition=4), Selection(places=frozenset({"3:6"}))):
        assert not other.has(one)


def test_a_letter_is_read_in_our_version_and_in_another_and_other_topics_letters_are_left_alone() -> None:
    """A letter is read by its writer's schema, also a newer one, and ignored if its source is another topic."""
    dead = DeadLetter(
        source_topic="tally.sums.v1", source_topic_id="t", source_partition=3, source_offset=5, source_timestamp=NOW,
        reason=DeadLetterReason.FRAMING, detail="d", key=b"k", value=b"v",
    )  # fmt: skip
    ours = Record(3, 0, 0, b"", frame(1) + dead.encode())
    expected = PublishedLetter(Source("t", 3, 5), "FRAMING", "d", Copy(b"k"), Copy(b"v"))
    assert letter_of(ours, 1, text_of) == expected
    schema = json.loads(DeadLetter.SCHEMA)
    schema["fields"].append({"name": "note", "type": "string", "default": ""})
    newer = Record(3, 0, 0, b"", frame(2) + dead.encode() + b"\x04hi")
    assert letter_of(newer, 1, lambda _: json.dumps(schema)) == expected
    foreign = dead.__class__(**{name: getattr(dead, name) for name in dead.__struct_fields__} | {"source_topic": "x"})
    assert letter_of(Record(3, 0, 0, b"", frame(1) + foreign.encode()), 1, text_of) is None


def test_a_letter_whose_record_is_gone_says_so_and_takes_a_persons_numbers() -> None:
    """Only the beginning is known, and what it says is not taken for the whole."""
    cut = replace(letter(frame(OURS) + body("2", "3", "5")), lacking="its record, of 3,000,000 bytes, is gone")
    assert rejected(repair(cut, None, None, text_of), "gone", "--repair-with")
    assert isinstance(repair(cut, correction(), None, text_of), Replayable)


class ScriptedClient:
    """Answers each addition from a table of outcomes by id."""

    def __init__(self, **outcomes: Outcome) -> None:
        self.outcomes = outcomes
        self.sent: list[Addition] = []

    async def add_batches(self, additions: Iterable[Addition]) -> AsyncIterator[list[tuple[Addition, Outcome]]]:
        for addition in additions:
            self.sent.append(addition)
            usual = Committed(addition.request_id, "5", False, Position("t", 3, 77))
            yield [(addition, self.outcomes.get(addition.request_id, usual))]


def ready(own: str, offset: int) -> LetterResult:
    return LetterResult(letter(b"", offset=offset), Status.READY, Addition(own, "2", "3"), "5")


async def test_what_is_committed_is_noted_and_a_second_look_finds_it(tmp_path: Path) -> None:
    """Only a committed addition is noted in the journal, and a later replay finds it there."""
    journal = ReplayJournal(tmp_path / "client" / "replays.jsonl")
    client = ScriptedClient(
        refused=Refused("refused", "OUT_OF_RANGE", "no"), lost=Unknown("lost", "UNAVAILABLE", "gone", 3)
    )
    told = [
        ready("good", 1),
        LetterResult(letter(b"", offset=2), Status.REJECTED, why="w"),
        ready("refused", 3),
        ready("lost", 4),
    ]
    ended = [one async for one in send(told, client, journal, lambda: NOW)]
    assert [one.status for one in ended] == [Status.REJECTED, Status.SENT, Status.REFUSED, Status.UNKNOWN]
    assert [each.request_id for each in client.sent] == ["good", "refused", "lost"]
    before = journal.read()
    assert [str(source) for source in before] == ["3:1"]
    again = look_up(Replayable(letter(b"", offset=1), Addition("good", "2", "3"), "5"), before, lambda _: None)
    assert (again.status, again.position) == (Status.REPLAYED, Position("t", 3, 77))


def test_what_the_ledger_has_is_not_sent_and_other_numbers_of_a_counted_id_are_rejected() -> None:
    """An id that the ledger has is COUNTED with the same operands and REJECTED with others."""
    repaired = Replayable(letter(b""), Addition("x", "2", "3"), "5")
    assert look_up(repaired, {}, lambda _: None).status is Status.READY
    same = look_up(repaired, {}, lambda _: Counted("2", "3", Position("t", 3, 9)))
    assert (same.status, same.position) == (Status.COUNTED, Position("t", 3, 9))
    other = look_up(repaired, {}, lambda _: Counted("2", "4", Position("t", 3, 9)))
    assert other.status is Status.REJECTED
    assert "2 + 4" in other.why


@pytest.mark.parametrize("damage", [b"\xff\xfe", b"[" * 99_999, b"5", b"{}", '{"source": "1:\u2028"}'.encode()])
async def test_any_bytes_in_the_journal_cost_their_own_line_only(tmp_path: Path, damage: bytes) -> None:
    """A damaged line of the journal is skipped, and the entries around it are read."""
    journal = ReplayJournal(tmp_path / "replays.jsonl")
    for offset in (1, 2):
        assert [one async for one in send([ready("good", offset)], ScriptedClient(), journal, lambda: NOW)]
        with journal.path.open("ab") as file:
            file.write(damage + b"\n")
    assert [source.offset for source in journal.read()] == [1, 2]


async def test_a_line_of_the_journal_that_a_crash_cut_short_costs_itself_only(tmp_path: Path) -> None:
    """A torn last line is skipped, and the entry appended after it is read."""
    journal = ReplayJournal(tmp_path / "replays.jsonl")
    for offset in (1, 2):
        assert [one async for one in send([ready("good", offset)], ScriptedClient(), journal, lambda: NOW)]
    journal.path.write_bytes(journal.path.read_bytes()[:-20])
    assert [one async for one in send([ready("good", 3)], ScriptedClient(), journal, lambda: NOW)]
    assert [source.offset for source in journal.read()] == [1, 3]
