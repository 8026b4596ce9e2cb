"""What became of an addition, from the caller's side: a closed union of three frozen values.

``Committed``: the sum is in the topic, in a committed transaction, and will be counted exactly once.
``Refused``: the service gave a final answer; sending the same addition again changes nothing.
``Unknown``: no final answer came before the deadline. Sending it again with the same request id is always safe.
"""

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol
from uuid import UUID, uuid4

_PLAIN_DIGITS_MAX = 1_000
"""Far beyond the contract's 38, so that its own check refuses what is a little too long."""


@dataclass(frozen=True, slots=True)
class Addition:
    """One pair of numbers to add, as exact decimal texts, under the request id that is its identity for ever.

    The id may be given as a UUID, and is kept as its text. Raises TypeError for what is neither, and ValueError for an
    empty id and for texts that are no Unicode; whether they are an id and numbers of the contract, the service decides.
    """

    request_id: str
    a: str
    b: str

    def __post_init__(self) -> None:
        if type(self.request_id) is not str:
            object.__setattr__(self, "request_id", request_id_text(self.request_id))
        _check_text("request_id", self.request_id)
        _check_text("a", self.a)
        _check_text("b", self.b)
        if not self.request_id:
            raise ValueError("request_id is empty; give a UUID, or None for a new random one")

    @classmethod
    def of(cls, a: str | int | Decimal, b: str | int | Decimal, request_id: str | UUID | None = None) -> "Addition":
        """Return an addition of two exact numbers; a new random request id unless one is given.

        Raises TypeError for a float, which is not exact, and for an id that is neither text nor UUID.
        """
        return cls(
            str(uuid4()) if request_id is None else request_id_text(request_id), operand_text(a), operand_text(b)
        )


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

    ``possibly_committed`` is false only if every attempt was refused before anything was sent, or was answered with a
    proof that nothing was committed.
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


def request_id_text(value: str | UUID) -> str:
    """Return a request id as text. Raises TypeError for what is neither a text nor a UUID."""
    if isinstance(value, str):
        return value
    if isinstance(value, UUID):
        return str(value)
    raise TypeError(f"request_id is {value!r}, a {type(value).__name__}; give a UUID or its text")


def operand_text(value: str | int | Decimal) -> str:
    """Return an operand as text, never rounded. The service decides whether the text is a number of the contract."""
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal):
        # Without exponent, unless that is a text of any length, which the service would refuse like this one.
        return format(value, "f") if abs(value.adjusted()) <= _PLAIN_DIGITS_MAX else str(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    raise TypeError(f"{value!r} is a {type(value).__name__}; give a str, an int or a Decimal, which are exact")


def _check_text(name: str, value: str) -> None:
    if not isinstance(value, str):
        raise TypeError(f"{name} is {value!r}, a {type(value).__name__}; give a str, or use Addition.of")
    if value.isascii():
        return
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{name} is {value!r}, which is no Unicode text: {error.reason}") from None
