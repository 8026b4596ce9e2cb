"""Reads dead letters, and tells which are genuine and which are forged.

A letter is genuine if the very record that it is about is poison for the reason that it gives: topic id, partition and
offset, the digest of key and value in its headers (if it has one), and its copy of them must all agree.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import fastavro

from oracle.avro.body import Body, UndecodableError, picked
from oracle.avro.shapes import step_over
from oracle.avro.writer import RECORDS, Writer
from oracle.chain import REASONS, poison_digest
from oracle.decoding import written_by
from oracle.facts import POISON, Beginning, DeadLetter, Facts, Row, Schemas, Stranger, TopicRecord
from oracle.schemas import without_logical_types
from oracle.truth import Truth

_TYPES: Mapping[str, tuple[type, ...]] = {
    "source_topic": (str,),
    "source_topic_id": (str,),
    "source_partition": (int,),
    "source_offset": (int,),
    "reason": (str,),
    "key": (bytes, type(None)),
    "value": (bytes, type(None)),
}
_READ = (*_TYPES, "key_bytes", "key_sha256", "value_bytes", "value_sha256")


def read_dead_letters(
    records: Mapping[int, Iterable[TopicRecord]], schemas: Schemas, source_topic: str
) -> tuple[list[DeadLetter], list[Stranger]]:
    """Return the dead letters about a topic, and the records that are not dead letters at all."""
    letters: list[DeadLetter] = []
    strangers: list[Stranger] = []
    for some in records.values():
        for record in some:
            fields = _fields(record, schemas)
            if isinstance(fields, str):
                strangers.append(Stranger(partition=record.partition, offset=record.offset, why=fields))
            elif fields["source_topic"] == source_topic:
                letters.append(_letter(record, fields))
    return letters, strangers


def _fields(record: TopicRecord, schemas: Schemas) -> Mapping[str, Any] | str:
    """Return the fields of a letter, or why the record is not one; never raises, whatever its bytes and schema are."""
    framed = written_by(record)
    if framed is None:
        return "it has no frame"
    if framed[0] not in schemas:
        return "the registry does not know its schema"
    try:
        schema = without_logical_types(json.loads(schemas[framed[0]]))
        if not isinstance(schema, dict) or schema.get("type") not in RECORDS:
            return "its schema is not a record"
        writer = Writer(fastavro.parse_schema(schema))
    except Exception as error:  # noqa: BLE001 - whatever a parser raises for a foreign text
        return f"its schema is not an Avro schema: {type(error).__name__}"
    body = Body(framed[1])
    fields = {}
    try:
        for name, kind, shape in writer.fields:
            if name in _READ:
                fields[name] = _value(name, writer.chosen(kind, body), body)
            else:
                step_over(shape, body)
    except UndecodableError as error:
        return f"it does not follow its schema or the contract: {error}"
    wrong = [name for name, kinds in _TYPES.items() if not isinstance(fields.get(name, ...), kinds)]
    return f"its schema has no field {wrong[0]} with the type of the contract" if wrong else fields


def _value(name: str, kind: Any, body: Body) -> object:
    """Return a value of one of the types that the contract's fields have. Raises UndecodableError of any other."""
    match kind if isinstance(kind, str) else kind["type"]:
        case "null":
            return None
        case "int" | "long":
            return body.number()
        case "bytes":
            return _whole(body)
        case "string":
            try:
                return _whole(body).decode()
            except UnicodeDecodeError as error:
                raise UndecodableError("a text is not UTF-8") from error
        case "enum" if isinstance(kind, dict):
            return picked(kind["symbols"], body.number())
        case other:
            raise UndecodableError(f"{name} is {other}")


def _whole(body: Body) -> bytes:
    size_bytes = body.number()
    if not 0 <= size_bytes <= body.left_bytes:
        raise UndecodableError("the bytes end within a text")
    return body.take(size_bytes)


def _letter(record: TopicRecord, fields: Mapping[str, Any]) -> DeadLetter:
    return DeadLetter(
        partition=record.partition,
        offset=record.offset,
        source_topic_id=fields["source_topic_id"],
        source_partition=fields["source_partition"],
        source_offset=fields["source_offset"],
        reason=fields["reason"],
        key=fields["key"],
        value=fields["value"],
        key_copied=_beginning(fields, "key"),
        value_copied=_beginning(fields, "value"),
        source_digest=record.source_digest,
    )


def _beginning(fields: Mapping[str, Any], name: str) -> Beginning | None:
    whole_bytes, sha256 = fields.get(f"{name}_bytes"), fields.get(f"{name}_sha256")
    return None if whole_bytes is None and sha256 is None else Beginning(whole_bytes=whole_bytes, sha256=sha256)


def i10_poison_has_one_genuine_letter(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find poison without a genuine dead letter, or with more than one."""
    poison = _poison(truth)
    records = _records(facts)
    genuine = Counter(
        (letter.source_partition, letter.source_offset)
        for letter in _of_this_topic(facts)
        if not _forged(letter, poison, records)
    )
    for place in sorted(poison):
        if genuine[place] != 1:
            count = "no genuine dead letter" if genuine[place] == 0 else f"{genuine[place]} dead letters"
            yield f"partition {place[0]} offset {place[1]} is poison and has {count}"
            return


def letters_are_genuine(facts: Facts, truth: Truth) -> Iterator[str]:
    """Find what others wrote to the dead-letter topic: forged letters, and records that are not letters."""
    for stranger in facts.strangers:
        yield f"{_at(stranger)} is not a dead letter: {stranger.why}"
        return
    poison = _poison(truth)
    records = _records(facts)
    for letter in _of_this_topic(facts):
        why = _forged(letter, poison, records)
        if why is not None:
            source = f"partition {letter.source_partition} offset {letter.source_offset}"
            yield f"{_at(letter)}, about {source}, is forged: {why}"
            return


def gone(facts: Facts) -> int:
    """Return the number of letters that cannot be compared, since their records were deleted from the topic."""
    return sum(_is_gone(letter, facts) for letter in facts.dead_letters)


def _of_this_topic(facts: Facts) -> Iterator[DeadLetter]:
    """Yield the letters that can be judged. One with another topic id is about a topic that was since recreated."""
    for letter in facts.dead_letters:
        if facts.topic_id in (None, letter.source_topic_id) and not _is_gone(letter, facts):
            yield letter


def _is_gone(letter: DeadLetter, facts: Facts) -> bool:
    return 0 <= letter.source_offset < facts.log_starts.get(letter.source_partition, 0)


def _forged(
    letter: DeadLetter, poison: Mapping[tuple[int, int], Row], records: Mapping[tuple[int, int], TopicRecord]
) -> str | None:
    """Return what is wrong with a letter; None if it is genuine."""
    place = (letter.source_partition, letter.source_offset)
    if place not in poison:
        return "that record is not poison"
    if letter.partition != letter.source_partition:
        return f"it is in partition {letter.partition}"
    if letter.reason != poison[place].reason or letter.reason not in REASONS:
        return f"its reason is {letter.reason}, and that of the record is {poison[place].reason}"
    record = records[place]
    if letter.source_digest not in (None, poison_digest(record.key, record.value).hex().encode()):
        return "its digest is that of other bytes"
    copied = _is_copy(letter.key, letter.key_copied, record.key)
    return None if copied and _is_copy(letter.value, letter.value_copied, record.value) else "it has other bytes"


def _is_copy(part: bytes | None, beginning: Beginning | None, whole: bytes | None) -> bool:
    if beginning is None or part is None or whole is None:
        return beginning is None and part == whole
    return (
        whole.startswith(part)
        and len(whole) == beginning.whole_bytes
        and hashlib.sha256(whole).digest() == beginning.sha256
    )


def _poison(truth: Truth) -> dict[tuple[int, int], Row]:
    return {
        (partition, verdict.offset): verdict
        for partition, verdicts in truth.verdicts.items()
        for verdict in verdicts
        if verdict.kind == POISON
    }


def _records(facts: Facts) -> dict[tuple[int, int], TopicRecord]:
    return {(record.partition, record.offset): record for some in facts.records.values() for record in some}


def _at(what: DeadLetter | Stranger) -> str:
    return f"the dead-letter topic's partition {what.partition} offset {what.offset}"
