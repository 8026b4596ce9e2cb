"""Which dead letters are genuine, and that no bytes break the reading of one."""

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tally.base.framing import SchemaName, frame
from tally.cli.replaying.corrections import Rejected, repair_genuine
from tally.cli.replaying.dead_letters import PublishedLetter, Source, letter_of
from tally.cli.replaying.genuine import Examiner, Forged, Repeated, Row, Unprovable
from tally.cli.replaying.replay import Status, look_up
from tally.event.dead_letter import Copy
from tally.event.digest import undecoded
from tally.event.raw_operands import NotReadable, RawOperands, raw_operands
from tally.event.record import Record
from tally.generated.avro.dead_letter import DeadLetter, DeadLetterReason
from tests_support.consumer.strange_schemas import COMMON, STRANGE, Strange
from tests_support.consumer.verdict_corpus import read_corpus
from tests_support.ledger.records import body, request_id

SOURCE = Source("topic-1", 3, 5)
RECORD = Record(3, 5, 0, b"k", b"junk")
LETTER = PublishedLetter(SOURCE, "FRAMING", "d", Copy(b"k"), Copy(b"junk"), digest=undecoded(b"k", b"junk"))
OLD = replace(LETTER, digest=None)
POISON = Row("POISON", "FRAMING")


def examiner(record: Record | None = RECORD, row: Row | None = POISON) -> Examiner:
    return Examiner("topic-1", lambda _: record, lambda _: row)


@pytest.mark.parametrize("letter", [LETTER, OLD], ids=["with-digest", "of-an-earlier-version"])
def test_a_letter_that_agrees_with_row_and_record_is_genuine_once(letter: PublishedLetter) -> None:
    """I10: the second one about the same record is told, and not sent."""
    own = examiner()
    assert own.examine(letter) == letter
    assert own.examine(letter) == Repeated(letter)


@pytest.mark.parametrize(
    ("letter", "row", "words"),
    [
        (LETTER, Row("COUNTED", None), "COUNTED"),
        (LETTER, Row("POISON", "WRONG_SUM"), "WRONG_SUM"),
        (LETTER, None, "no such record"),
        (replace(LETTER, digest=bytes(16)), POISON, "digest"),
        (replace(LETTER, key_copy=Copy(None)), POISON, "key"),
        (replace(LETTER, value_copy=Copy(b"other")), POISON, "value"),
        (replace(OLD, value_copy=Copy(b"other")), POISON, "value"),
        (replace(LETTER, value_copy=Copy(b"ju", 4, bytes(32))), POISON, "value"),
        (replace(LETTER, value_copy=Copy(b"xx", 4, hashlib.sha256(b"junk").digest())), POISON, "value"),
        (replace(LETTER, value_copy=Copy(None, 4, hashlib.sha256(b"junk").digest())), POISON, "value"),
        (replace(LETTER, is_placed=False), POISON, "partition"),
    ],
)
def test_a_letter_that_differs_is_forged_and_says_how(letter: PublishedLetter, row: Row | None, words: str) -> None:
    """It is shown, sent by nobody, and does not take the place of the genuine one."""
    own = examiner(row=row)
    found = own.examine(letter)
    assert isinstance(found, Forged)
    assert words in found.why
    assert look_up(found, {}, lambda _: None).status is Status.FORGED
    assert own.examine(replace(LETTER, reason=(row or POISON).reason or "")) != Repeated(LETTER)


def test_a_letter_about_a_topic_that_is_gone_is_not_replayed() -> None:
    """Nothing tells whether it is genuine; what it says reaches no terminal raw."""
    found = examiner().examine(replace(LETTER, source=Source("\x1b[2J", 3, 5)))
    assert isinstance(found, Unprovable)
    rejected = repair_genuine(found, None, None, lambda _: "")
    assert isinstance(rejected, Rejected)
    assert "\x1b" not in rejected.why


def test_the_beginning_of_a_large_record_is_completed_from_the_topic_or_said_to_be_gone() -> None:
    """A letter with the beginning of a large record gets the rest from the topic, or says that it is gone."""
    large = replace(RECORD, value=b"x" * 100_000)
    copy = Copy(b"x" * 10, 100_000, hashlib.sha256(b"x" * 100_000).digest())
    letter = replace(LETTER, value_copy=copy, digest=undecoded(b"k", large.value))
    whole = examiner(large).examine(letter)
    assert isinstance(whole, PublishedLetter)
    assert (whole.value, whole.lacking) == (large.value, None)
    gone = examiner(None).examine(letter)
    assert isinstance(gone, PublishedLetter)
    assert gone.lacking is not None
    assert "100,000 bytes, is gone" in gone.lacking


def test_the_bytes_of_a_letter_are_not_kept_once_it_is_judged() -> None:
    """A hundred thousand letters of a megabyte do not have to fit into memory."""
    for found in (LETTER, Forged(LETTER, "w"), Repeated(LETTER), Unprovable(LETTER, "w")):
        kept = repair_genuine(found, None, None, lambda _: "").letter
        assert (kept.key, kept.value) == (None, None)


SCHEMAS, _ = read_corpus()
NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = DeadLetter(
    source_topic="tally.sums.v1", source_topic_id="t", source_partition=3, source_offset=5, source_timestamp=NOW,
    reason=DeadLetterReason.FRAMING, detail="d", key=b"k", value=b"v",
).encode()  # fmt: skip
NEWER = json.loads(DeadLetter.SCHEMA)
NEWER["fields"].append({"name": "note", "type": "string", "default": ""})
TEXTS = {**SCHEMAS, 70: json.dumps(NEWER)}


def text_of(name: SchemaName) -> str | None:
    return TEXTS.get(name) if isinstance(name, int) else None


@given(
    st.sampled_from([*TEXTS, 99, 999]).map(frame) | st.binary(max_size=17),
    st.binary(max_size=200) | st.just(GOOD),
    st.integers(0, len(GOOD)),
    st.none() | st.binary(max_size=40),
)
def test_no_bytes_break_the_reading_of_a_dead_letter(
    before: bytes, rest: bytes, cut: int, digest: bytes | None
) -> None:
    """Any record of the dead-letter topic is a letter, one of another topic, or named as none."""
    headers = {} if digest is None else {"source-digest": digest}
    for value in (None, before + rest, before + rest[:cut], before + GOOD[:cut] + rest):
        try:
            found = letter_of(Record(3, 0, 0, None, value, headers), 99, text_of)
        except ValueError:
            continue
        assert found is None or isinstance(found, PublishedLetter)


@pytest.mark.parametrize("strange", STRANGE, ids=[each.name for each in STRANGE])
def test_no_schema_ends_or_holds_up_the_reading_of_a_letter_or_its_record(strange: Strange) -> None:
    """A schema with a type within itself, without an end or without bytes is read, or it is said why not, at once."""
    value = frame(70) + COMMON + strange.tail
    assert isinstance(raw_operands(value, None, lambda _: strange.schema), RawOperands | NotReadable)
    with pytest.raises(ValueError, match=r"\w"):
        letter_of(Record(3, 0, 0, None, value), 99, lambda _: strange.schema)


@given(
    st.sampled_from([*TEXTS, 999]).map(frame) | st.binary(max_size=17),
    st.binary(max_size=120) | st.just(body(request_id(0), 1, 2)),
    st.none() | st.sampled_from([*TEXTS, 999]),
)
def test_no_record_breaks_the_reading_of_what_it_says(before: bytes, behind: bytes, as_schema: int | None) -> None:
    """Of any writer's schema, one that is no Avro record among them: numbers are read, or it is said why not."""
    for value in (None, before + behind):
        assert isinstance(raw_operands(value, as_schema, text_of), RawOperands | NotReadable)
