"""Three records that readers once told apart: each reader has the ledger's verdict and the same reason word."""

from dataclasses import dataclass

import numpy as np
import pytest
from confluent_kafka import Message

from producer.core.idempotency import Known
from producer.shell.warm_up import take_in
from tally.base.framing import SchemaName, frame
from tally.cli.replaying.corrections import Rejected, Replayable, repair
from tally.cli.replaying.dead_letters import PublishedLetter, Source, letter_of
from tally.cli.replaying.genuine import Examiner, Row
from tally.cli.tail import _document, _line
from tally.event.classify import Fetched, decode
from tally.event.dead_letter import dead_record, letters_of
from tally.event.reader import Reader
from tally.event.record import Record
from tally.event.verdict import Poison
from tests_support.consumer.golden_records import LETTERS, OURS, Case, golden_schemas
from tests_support.consumer.verdict_corpus import consumer_schemas, read_corpus, told_by_consumer
from tests_support.ledger.records import LIMIT, PARTITION, PARTITIONS, body, request_id

ID = request_id(0)
SCALE_4, NO_LOGICAL_TYPE = 8, 57
GOLDEN, _ = read_corpus()
SCHEMAS = {**GOLDEN, NO_LOGICAL_TYPE: golden_schemas()[SCALE_4].replace('"logicalType": "decimal", ', "", 1)}


@dataclass(frozen=True)
class Odd:
    """A record with the reason that every reader tells."""

    value: bytes
    word: str
    repaired: str
    """What a person is told who replays its dead letter: the addition, or why there is none."""


ODD = {
    "39 digits": Odd(frame(OURS) + body(ID, LIMIT, 0), "OUT_OF_RANGE", "more than 29 digits"),
    "scale 4": Odd(frame(SCALE_4) + body(ID, 10_000, 10**9, 2 * 10**9), "UNREADABLE_SCHEMA", "1 + 1"),
    "no logical type": Odd(frame(NO_LOGICAL_TYPE) + body(ID, 1, 2), "UNREADABLE_SCHEMA", "no field a with an exact"),
}


def text_of(name: SchemaName) -> str | None:
    return SCHEMAS.get(name) if isinstance(name, int) else None


@pytest.fixture(params=ODD)
def odd(request: pytest.FixtureRequest) -> Odd:
    return ODD[request.param]


def record(value: bytes) -> Record:
    return Record(PARTITION, 5, 0, ID, value)


def test_the_writer_without_a_logical_type_is_one() -> None:
    """The schema called NO_LOGICAL_TYPE really lacks the logical type of `a`."""
    assert "logicalType" not in SCHEMAS[NO_LOGICAL_TYPE].split('"name": "b"')[0].split('"name": "a"')[1]


def test_the_ledger(odd: Odd) -> None:
    """The consumer's row has the same reason word as every other reader of the record."""
    (told,) = told_by_consumer([Case("odd", ID, odd.value)], consumer_schemas(SCHEMAS))
    assert told.reason == odd.word


def test_tail(odd: Odd) -> None:
    """`tally tail` shows the record as POISON with the reason word, in a line and as JSON, and never as a sum."""
    read = Reader(OURS, text_of).read(record(odd.value))
    assert isinstance(read, Poison)
    assert f"POISON {odd.word}: {read.detail}" in _line(record(odd.value), read)
    assert _document(record(odd.value), read)["poison"] == odd.word


def test_the_producers_cache(odd: Odd) -> None:
    """The producer's cache takes the good record as committed and leaves out the poison beside it."""
    found: dict[bytes, Known] = {}
    for offset, value in enumerate((odd.value, frame(OURS) + body(ID, 1, 2), odd.value)):
        take_in(Message(topic="t", partition=PARTITION, offset=offset, key=ID, value=value), OURS, PARTITIONS, found)
    assert found == {ID: (1, 2, 1)}


def letter_about(value: bytes) -> PublishedLetter:
    """Return the dead letter that the consumer writes, as the client reads it."""
    offsets = np.array([5], np.int64)
    fetched = Fetched(PARTITION, offsets, offsets, [ID], [value])
    schemas = consumer_schemas(SCHEMAS)
    told_by_consumer([Case("odd", ID, value)], schemas)  # asks for the writer's schema
    view = schemas.view()
    decoded = decode(
        fetched, partitions=PARTITIONS, fast_schema_ids=view.fast_ids, general=view.general, verdicts={}
    )  # fmt: skip
    (letter,) = letters_of(fetched, decoded)
    dead = dead_record(letter, "tally.sums.v1", "topic-1", LETTERS)
    found = letter_of(Record(PARTITION, 9, 0, dead.key, dead.value, dict(dead.headers)), LETTERS, text_of)
    assert isinstance(found, PublishedLetter)
    return found


def test_its_dead_letter(odd: Odd) -> None:
    """The record's dead letter has the reason word, and is found genuine beside the ledger's row and the record."""
    letter = letter_about(odd.value)
    assert (letter.reason, letter.source) == (odd.word, Source("topic-1", PARTITION, 5))
    own = Examiner("topic-1", lambda _: record(odd.value), lambda _: Row("POISON", odd.word))
    assert own.examine(letter) == letter


def test_replay(odd: Odd) -> None:
    """`tally replay-dlt` offers exact numbers for a record of another scale, and says why it cannot offer others."""
    outcome = repair(letter_about(odd.value), None, None, text_of)
    assert outcome.letter.reason == odd.word
    match outcome:
        case Replayable(addition=addition):
            assert f"{addition.a} + {addition.b}" == odd.repaired
        case Rejected(why=why):
            assert odd.repaired in why
