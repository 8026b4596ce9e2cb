"""What became of an addition, from the caller's side: a closed union of three frozen values.

``Committed``: the sum is in the topic, in a committed transaction, and will be counted exactly once.
``Refused``: the service gave a final answer; sending the same addition again changes nothing.
``Unknown``: no final answer came before the deadline. Sending it again with the same request id is always safe.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol
from uuid import uuid4


@dataclass(frozen=True, slots=True)
class Addition:
    """One pair of numbers to add, as exact decimal texts, under the request id that is its identity for ever."""

    request_id: str
    a: str
    b: str

    @classmethod
    def of(cls, a: str | int | Decimal, b: str | int | Decimal, request_id: str | None = None) -> "Addition":
        """Return an addition of two exact numbers; a new random request id unless one is given.

        Raises TypeError for a float, which is not exact.
        """
        return cls(request_id or str(uuid4()), operand_text(a), operand_text(b))


@dataclass(frozen=True, slots=True)
class Position:
    """The place of a record in Kafka."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """What is wrong with one field of a request."""

    field: str
    description: str


@dataclass(frozen=True, slots=True)
class Committed:
    """The sum is committed. ``duplicate`` is true when the service already knew the id when the answering call came."""

    request_id: str
    sum: str
    duplicate: bool
    position: Position


@dataclass(frozen=True, slots=True)
class Refused:
    """The service refused for good; ``status`` is the gRPC status's name, ``reason`` its sentence."""

    request_id: str
    status: str
    reason: str
    violations: tuple[FieldViolation, ...] = ()


@dataclass(frozen=True, slots=True)
class Unknown:
    """No final answer came in time; ``status`` and ``reason`` are those of the last attempt.

    ``possibly_committed`` is false only when every attempt was answered with a proof that nothing was committed.
    """

    request_id: str
    status: str
    reason: str
    attempts: int
    possibly_committed: bool = True


Outcome = Committed | Refused | Unknown


class BatchAdder(Protocol):
    """The part of the client that sends many additions: what loads and replays need of it."""

    def add_batches(self, additions: Iterable[Addition]) -> AsyncIterator[list[tuple[Addition, Outcome]]]:
        """Yield each addition with its outcome, in order, a batch at a time."""
        ...


def operand_text(value: str | int | Decimal) -> str:
    """Return an operand as text, never rounded. The service decides whether the text is a number of the contract."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"{value!r} is a {type(value).__name__}; give a str, an int or a Decimal, which are exact")
