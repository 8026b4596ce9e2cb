"""From a dead letter to an addition that can be counted, or to the reason why it cannot: pure decisions.

A record is put back under its own request id and no other. So the ledger, which counts an id once, keeps a letter that
is replayed twice, or that was repeated by its writer meanwhile, from being counted twice.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, TypeAlias
from uuid import UUID

from tally.cli.replaying.dead_letters import PublishedLetter
from tally.cli.replaying.genuine import Examined, Forged, Repeated, Unprovable
from tally.client.outcomes import Addition
from tally.event import decimals
from tally.event.dead_letter import Copy
from tally.event.raw_operands import NotExactError, NotReadable, RawOperands, id_of, raw_operands
from tally.event.reader import SchemaText

_ID_BYTES: Final = 16
LINE_BYTES_MAX: Final = 64 * 1024


class CorrectionsError(ValueError):
    """The file of corrections cannot be used; the message names line, value and what is allowed."""


@dataclass(frozen=True, slots=True)
class Correction:
    """What a person says about one letter: both numbers, or the id of a record that has none, or all three."""

    line: int
    a: str | None
    b: str | None
    request_id: UUID | None


@dataclass(frozen=True, slots=True)
class Replayable:
    """Ready to be sent."""

    letter: PublishedLetter
    addition: Addition
    sum: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """It cannot be counted as it is; ``addition`` is what it would have been, as far as that is known."""

    letter: PublishedLetter
    why: str
    addition: Addition | None = None


Prepared: TypeAlias = Replayable | Rejected | Forged | Repeated
"""What becomes of a letter, before the ledger is asked."""


def read_corrections(lines: Iterable[bytes]) -> dict[str, Correction]:
    """Return the corrections of a JSON lines file by source, "3:1041". Raises CorrectionsError.

    A line is what ``--json`` prints, with other numbers in it: ``{"source": "3:1041", "a": "2", "b": "40.5"}``. Fields
    of other names are left alone, so is a line without numbers and id.
    """
    found: dict[str, Correction] = {}
    for number, raw in enumerate(lines, start=1):
        if not raw.strip():
            continue
        if len(raw) > LINE_BYTES_MAX:
            raise CorrectionsError(f"line {number} is longer than {LINE_BYTES_MAX:,} bytes")
        source, correction = _correction(number, raw)
        if source in found:
            raise CorrectionsError(
                f"line {number} is about {source}, as line {found[source].line} is: keep one of them"
            )
        found[source] = correction
    return found


def _correction(line: int, raw: bytes) -> tuple[str, Correction]:
    try:
        fields: Any = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise CorrectionsError(f"line {line} is not JSON: {error}") from None
    if not isinstance(fields, dict) or not isinstance(fields.get("source"), str):
        raise CorrectionsError(f'line {line} has no "source", the letter\'s place as text, for example "3:1041"')
    a, b = (_number(line, name, fields.get(name)) for name in ("a", "b"))
    if (a is None) != (b is None):
        raise CorrectionsError(f"line {line} has one number only: give both a and b")
    own = fields.get("request_id")
    try:
        return fields["source"], Correction(line, a, b, None if own is None else id_of(own))
    except NotExactError:
        raise CorrectionsError(f"line {line}: request_id {own!r} is not a UUID in text") from None


def _number(line: int, name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise CorrectionsError(
            f'line {line}: {name} is {value!r}; write numbers as text, "40.5", so that they stay exact'
        )
    try:
        return decimals.text_of(decimals.parse(value))
    except decimals.DecimalTextError as error:
        raise CorrectionsError(f"line {line}: {name}: {error}") from None


def repair(
    letter: PublishedLetter, correction: Correction | None, as_schema: int | None, schema_text: SchemaText
) -> Replayable | Rejected:
    """Return the addition that a letter stands for, by the record itself and by what a person says about it."""
    found = (
        NotReadable(letter.lacking)
        if letter.lacking is not None
        else raw_operands(letter.value, as_schema, schema_text, letter.schema)
    )
    # 1. the id is the record's own
    own = found.request_id if isinstance(found, RawOperands) else _id_of_key(letter.key)
    given = correction.request_id if correction else None
    if own is not None and given not in (None, own):
        assert correction is not None
        return Rejected(letter, f"line {correction.line} gives it request id {given}, but its own is {own}: keep that")
    request_id = own or given
    # 2. the numbers are the record's, unless a person says which are right
    numbers = _numbers(found, correction)
    if isinstance(numbers, str):
        return Rejected(letter, numbers)
    a, b = numbers
    if request_id is None:
        return Rejected(letter, "it has no request id: give it one with --repair-with, and always the same")
    # 3. the ledger can hold it
    addition = Addition(str(request_id), decimals.text_of(a), decimals.text_of(b))
    if not all(map(decimals.in_range, (a, b, a + b))):
        return Rejected(letter, "a number or the sum has more than 29 digits before the point", addition)
    return Replayable(letter, addition, decimals.text_of(a + b))


def _numbers(found: RawOperands | NotReadable, correction: Correction | None) -> tuple[int, int] | str:
    if correction is not None and correction.a is not None and correction.b is not None:
        return decimals.parse(correction.a), decimals.parse(correction.b)
    if isinstance(found, NotReadable):
        return f"{found.why}: give a and b with --repair-with, or by --as-schema the schema that it was written with"
    if found.sum is not None and found.a + found.b != found.sum:
        a, b, total = map(decimals.text_of, (found.a, found.b, found.sum))
        return f"it says {a} + {b} = {total}: say with --repair-with which a and b are right"
    return found.a, found.b


def _id_of_key(key: bytes | None) -> UUID | None:
    return UUID(bytes=key) if key is not None and len(key) == _ID_BYTES else None


def without_repetitions(outcomes: Iterable[Prepared]) -> list[Prepared]:
    """Reject what would use an id of an earlier letter with other numbers; the same numbers are one addition."""
    first: dict[str, Replayable] = {}
    checked: list[Prepared] = []
    for outcome in outcomes:
        if isinstance(outcome, Replayable):
            before = first.setdefault(outcome.addition.request_id, outcome)
            if before.addition != outcome.addition:
                outcome = Rejected(outcome.letter, _used_before(before), outcome.addition)  # noqa: PLW2901 - its verdict
        checked.append(outcome)
    return checked


def repair_genuine(
    examined: Examined,
    correction: Correction | None,
    as_schema: int | None,
    schema_text: SchemaText,
) -> Prepared:
    """Return what becomes of a letter that was examined. The record's bytes are not kept: there may be many."""
    match examined:
        case PublishedLetter():
            outcome = repair(examined, correction, as_schema, schema_text)
            return replace(outcome, letter=_light(examined))
        case Unprovable():
            return Rejected(_light(examined.letter), f"{examined.why}: nothing can tell whether it is genuine")
        case Forged() | Repeated():
            return replace(examined, letter=_light(examined.letter))


def source_of(examined: Examined) -> str:
    """Return the place of the record that a letter is about, as corrections name it."""
    return str((examined if isinstance(examined, PublishedLetter) else examined.letter).source)


def _light(letter: PublishedLetter) -> PublishedLetter:
    return replace(letter, key_copy=Copy(None), value_copy=Copy(None))


def _used_before(before: Replayable) -> str:
    return (
        f"{before.letter.source} has the same request id with {before.addition.a} + {before.addition.b}: leave one out"
    )


def unused(corrections: Mapping[str, Correction], letters: Iterable[PublishedLetter]) -> list[str]:
    """Return the sources that are corrected but not among these letters."""
    known = {str(letter.source) for letter in letters}
    return [source for source in corrections if source not in known]
