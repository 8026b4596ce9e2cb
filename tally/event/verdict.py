"""What one record comes to: a sum that counts, or poison with the first reason that applies."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple, TypeAlias

from tally.base.framing import SchemaName, spoken
from tally.event.codes import REASON_NAMES, UNKNOWN_SCHEMA

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_ADDED_AT_MAX_US: Final = 253_402_300_799_999_999  # the end of the year 9999


class SchemaUnavailable(Exception):  # noqa: N818 - names what is, not that it is an error
    """A writer's schema cannot be fetched at the moment: the records must be read later, not poisoned."""


class Event(NamedTuple):
    """What a value holds, in our schema and not judged yet. Numbers are unscaled; the id has 16 bytes."""

    request_id: bytes
    a: int
    b: int
    sum: int
    added_at_us: int


@dataclass(frozen=True, slots=True)
class Sum:
    """A record that counts, unless its id is known. Numbers are unscaled; ``request_id`` has 16 bytes.

    ``schema`` is what it was read by.
    """

    schema: SchemaName
    request_id: bytes
    a: int
    b: int
    sum: int
    added_at_us: int

    @property
    def added_at(self) -> datetime:
        """The moment of the addition, clipped to what Python can say: one outside does not make a sum poison."""
        return _EPOCH + timedelta(microseconds=min(max(self.added_at_us, 0), _ADDED_AT_MAX_US))


@dataclass(frozen=True, slots=True)
class Poison:
    """Why a record cannot be counted: a reason's code of ``rows``, and a sentence for a person.

    ``schema`` is what names its writer's schema, None when nothing does.
    """

    reason: int
    detail: str
    schema: SchemaName | None = None

    @property
    def word(self) -> str:
        """The reason as the contract calls it, for example WRONG_SUM."""
        return REASON_NAMES[self.reason]

    def of(self, schema: SchemaName) -> "Poison":
        """Return the same verdict, on a record whose schema has this name."""
        return replace(self, schema=schema)


General: TypeAlias = Callable[[SchemaName, bytes], Event | Poison]
"""(writer's schema, body) -> the event in our schema, or why there is none. It may raise SchemaUnavailable."""


def unknown_schema(name: SchemaName) -> Poison:
    """Return the verdict on a record whose schema the registry denies."""
    return Poison(UNKNOWN_SCHEMA, f"the registry does not know schema {spoken(name)}", name)
