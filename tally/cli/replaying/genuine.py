"""Which dead letters are genuine: anybody who may write to their topic can write one about any record.

The ledger's row and the record at the source position decide: a letter is genuine when the row is POISON for the
letter's reason and the letter's digest and copy are of the record that stands there. Pure decisions.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from tally.cli.replaying.dead_letters import PublishedLetter, Source
from tally.event.dead_letter import Copy
from tally.event.digest import undecoded
from tally.event.record import Record

POISON = "POISON"


@dataclass(frozen=True, slots=True)
class Row:
    """What the ledger has at an offset."""

    kind: str
    reason: str | None


@dataclass(frozen=True, slots=True)
class Forged:
    """Not what the consumer wrote; ``why`` as a clause."""

    letter: PublishedLetter
    why: str


@dataclass(frozen=True, slots=True)
class Repeated:
    """A second genuine letter about a record."""

    letter: PublishedLetter


@dataclass(frozen=True, slots=True)
class Unprovable:
    """Nothing is left to compare it with; ``why`` as a clause."""

    letter: PublishedLetter
    why: str


Examined: TypeAlias = PublishedLetter | Forged | Repeated | Unprovable


class Examiner:
    """Examines letters one after the other, each against the world; of two genuine ones the first is taken."""

    def __init__(
        self, topic_id: str, original: Callable[[Source], Record | None], row: Callable[[Source], Row | None]
    ) -> None:
        """``original`` is the record at a source position, None when it is gone; ``row`` is the ledger's."""
        self._topic_id = topic_id
        self._original = original
        self._row = row
        self._seen: set[Source] = set()

    def examine(self, letter: PublishedLetter) -> Examined:
        """Return a genuine letter with all of its record, as far as that still exists."""
        if letter.source.topic_id != self._topic_id:
            gone = f"it is about a topic of the same name with id {letter.source.topic_id[:40]!a}, which is gone"
            return Unprovable(letter, gone)
        if not letter.is_placed:
            return Forged(letter, "it stands in another partition than its record, or names no offset")
        # 1. the ledger's verdict, which is on the disk before its letter is published
        why = _against_row(letter, self._row(letter.source))
        # 2. the record itself
        original = self._original(letter.source) if why is None else None
        if original is not None:
            why = _against_record(letter, original)
        if why is not None:
            return Forged(letter, why)
        if letter.source in self._seen:
            return Repeated(letter)
        self._seen.add(letter.source)
        return letter if letter.is_whole else _completed(letter, original)


def _against_row(letter: PublishedLetter, row: Row | None) -> str | None:
    """Return what the ledger's row says against a letter."""
    if row is None:
        return "the ledger has no such record"
    if row.kind != POISON:
        return f"the ledger has that record as {row.kind}"
    return None if row.reason == letter.reason else f"the ledger has that record as POISON for {row.reason}"


def _against_record(letter: PublishedLetter, record: Record) -> str | None:
    """Return what the record itself says against a letter."""
    if letter.digest not in (None, undecoded(record.key, record.value)):
        return "its digest is of other bytes"
    for name, copy, data in (("key", letter.key_copy, record.key), ("value", letter.value_copy, record.value)):
        if not copy.is_of(data):
            return f"its {name} is not the record's"
    return None


def _completed(letter: PublishedLetter, original: Record | None) -> PublishedLetter:
    """Return the letter with the whole record; where that is gone, the letter says so."""
    if original is None:
        known = letter.value_copy.whole_bytes or letter.key_copy.whole_bytes
        why = f"its record, of {known:,} bytes, is gone from the topic and the letter holds only its beginning"
        return replace(letter, lacking=why)
    return replace(letter, key_copy=Copy(original.key), value_copy=Copy(original.value))
