"""Additions as columns of 16-byte values: what a caller gives, what it gets, and the retries in between.

Nothing here makes an object for a row unless the row is refused, has to be sent again, or is put into a history.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from tally.base.uuid_text import uuid_text
from tally.client.outcomes import Addition, Committed, Position, Refused, Unknown
from tally.client.retry import Failure
from tally.client.sending import JUDGES_THE_REQUEST, Attempt, Environment, Reply
from tally.event.decimals import text_of
from tally.generated.tally.v1.tally_rules import ADD_COLUMNS_REQUEST_REQUEST_IDS_MAX_LEN

if TYPE_CHECKING:
    from typing_extensions import Buffer  # collections.abc has it from Python 3.12 on

VALUE_BYTES: Final = 16
ROWS_MAX: Final = ADD_COLUMNS_REQUEST_REQUEST_IDS_MAX_LEN // VALUE_BYTES
"""Rows a call, the most that the contract allows."""


@dataclass(frozen=True, slots=True)
class Columns:
    """n additions: 16 n bytes of ids, of first and of second operands, as `Client.add_columns` takes them."""

    request_ids: bytes
    a: bytes
    b: bytes

    @classmethod
    def of(cls, request_ids: "Buffer", a: "Buffer", b: "Buffer") -> "Columns":
        """Return columns of any buffers. Raises TypeError for what is none, and ValueError for wrong lengths."""
        columns = cls(_bytes_of("request_ids", request_ids), _bytes_of("a", a), _bytes_of("b", b))
        for name, column in (("a", columns.a), ("b", columns.b)):
            if len(column) != len(columns.request_ids):
                raise ValueError(
                    f"{name} has {len(column)} bytes and request_ids {len(columns.request_ids)}; "
                    f"each column has {VALUE_BYTES} bytes for each row"
                )
        return columns

    def __len__(self) -> int:
        return len(self.request_ids) // VALUE_BYTES

    def rows(self, rows: Sequence[int]) -> "Columns":
        """Return some of the rows."""
        at = [slice(VALUE_BYTES * row, VALUE_BYTES * (row + 1)) for row in rows]
        a, b, ids = self.a, self.b, self.request_ids
        return Columns(b"".join(ids[s] for s in at), b"".join(a[s] for s in at), b"".join(b[s] for s in at))

    def calls(self) -> Iterator["Columns"]:
        """Yield all rows in pieces that a call takes."""
        size = VALUE_BYTES * ROWS_MAX
        for at in range(0, len(self.request_ids), size):
            some = slice(at, at + size)
            yield Columns(self.request_ids[some], self.a[some], self.b[some])

    def request_id(self, row: int) -> str:
        """Return the id of a row as text."""
        return uuid_text(self.request_ids[VALUE_BYTES * row : VALUE_BYTES * (row + 1)])

    def addition(self, row: int) -> Addition:
        """Return a row as texts."""
        return Addition(self.request_id(row), number_text(self.a, row), number_text(self.b, row))


@dataclass(frozen=True, slots=True)
class ColumnOutcomes:
    """What became of each row. A row is committed unless ``failures`` has it, by its number from 0.

    ``sums`` has 16 bytes for each row, in the form of the operands; a row that is not committed has zeros, and the
    offset -1. ``duplicates`` are the rows whose ids the service already knew when the answering call came.
    """

    sums: bytes = b""
    topic: str = ""
    partitions: Sequence[int] = ()
    offsets: Sequence[int] = ()
    duplicates: frozenset[int] = frozenset()
    failures: Mapping[int, Refused | Unknown] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.offsets)

    def position(self, row: int) -> Position | None:
        """Return where a row is, or None if it is not committed."""
        return None if row in self.failures else Position(self.topic, self.partitions[row], self.offsets[row])


@dataclass(frozen=True, slots=True)
class ColumnsReply:
    """The answer to one attempt; ``failures`` by row."""

    sums: bytes
    topic: str
    partitions: Sequence[int]
    offsets: Sequence[int]
    duplicates: Sequence[int]
    failures: Mapping[int, Failure]


class ColumnsTransport(Protocol):
    """One attempt. Never raises for what the service or the network answers. ``contacted``: see `Transport`."""

    contacted: bool

    async def send_columns(self, columns: Columns, timeout_s: float) -> ColumnsReply | Failure:
        """Return the reply to all rows, or why the call failed."""
        ...


class ColumnsUnderWay:
    """The rows of one call, with the outcomes that they have so far. See `tally.client.sending.Work`."""

    def __init__(self, columns: Columns, transport: ColumnsTransport, environment: Environment) -> None:
        self._columns = columns
        self._transport = transport
        self._environment = environment
        self._sums = bytearray(len(columns) * VALUE_BYTES)
        self._topic = ""
        self._partitions = array("i", bytes(4 * len(columns)))
        self._offsets = array("q", [-1]) * len(columns)
        self._duplicates = set[int]()
        self._outcomes: dict[int, Refused | Unknown] = {}
        self._doubtful = set[int]()
        self._failures: dict[int, Failure] = {}
        self._pending: Sequence[int] = range(len(columns))

    async def attempt(self, number: int, timeout_s: float) -> list[Failure]:
        """See Work."""
        whole = len(self._pending) == len(self._columns)
        sent = self._columns if whole else self._columns.rows(self._pending)
        sent_s = self._environment.clock()
        reply = await self._transport.send_columns(sent, timeout_s)
        if self._environment.on_attempt is not None:
            ended_s = self._environment.clock()
            self._environment.on_attempt(
                Attempt([*map(sent.addition, range(len(sent)))], _replies(sent, reply), sent_s, ended_s, timeout_s)
            )
        return self._take(reply, number)

    def give_up(self, attempts: int) -> None:
        """See Work."""
        for row, failure in self._failures.items():
            self._outcomes[row] = self._unknown(row, failure, attempts)
        self._pending = ()

    def outcomes(self) -> ColumnOutcomes:
        """Return what became of each row, when everything has an outcome."""
        return ColumnOutcomes(
            bytes(self._sums),
            self._topic,
            self._partitions,
            self._offsets,
            frozenset(self._duplicates),
            dict(sorted(self._outcomes.items())),
        )

    def _take(self, reply: ColumnsReply | Failure, number: int) -> list[Failure]:
        failed = dict.fromkeys(self._pending, reply) if isinstance(reply, Failure) else self._place(reply)
        self._failures = {}
        for row, failure in failed.items():
            if not failure.final:
                self._failures[row] = failure
                if not failure.not_committed:
                    self._doubtful.add(row)
            elif row in self._doubtful and failure.status not in JUDGES_THE_REQUEST:
                self._outcomes[row] = self._unknown(row, failure, number)
            else:
                self._outcomes[row] = Refused(
                    self._columns.request_id(row), failure.status, failure.reason, failure.violations
                )
        self._pending = list(self._failures)
        return list(self._failures.values())

    def _place(self, reply: ColumnsReply) -> dict[int, Failure]:
        """Take over what is committed; return the failures by our own rows."""
        pending = self._pending
        self._topic = reply.topic
        if len(pending) == len(self._columns):
            self._sums[:] = reply.sums
            self._partitions, self._offsets = array("i", reply.partitions), array("q", reply.offsets)
        else:
            for at, row in enumerate(pending):
                value = reply.sums[VALUE_BYTES * at : VALUE_BYTES * (at + 1)]
                self._sums[VALUE_BYTES * row : VALUE_BYTES * (row + 1)] = value
                self._partitions[row], self._offsets[row] = reply.partitions[at], reply.offsets[at]
        self._duplicates.update(pending[at] for at in reply.duplicates)
        return {pending[at]: failure for at, failure in reply.failures.items()}

    def _unknown(self, row: int, failure: Failure, attempts: int) -> Unknown:
        request_id = self._columns.request_id(row)
        return Unknown(request_id, failure.status, failure.reason, attempts, possibly_committed=row in self._doubtful)


def joined(parts: Sequence[ColumnOutcomes]) -> ColumnOutcomes:
    """Return the outcomes of calls as those of one, in order."""
    if len(parts) == 1:
        return parts[0]
    partitions, offsets = array("i"), array("q")
    duplicates, failures = set[int](), dict[int, Refused | Unknown]()
    for part in parts:
        at = len(offsets)
        duplicates.update(at + row for row in part.duplicates)
        failures.update({at + row: outcome for row, outcome in part.failures.items()})
        partitions.extend(part.partitions)
        offsets.extend(part.offsets)
    topic = next((part.topic for part in parts if part.topic), "")
    return ColumnOutcomes(
        b"".join(part.sums for part in parts), topic, partitions, offsets, frozenset(duplicates), failures
    )


def number_text(column: bytes, row: int) -> str:
    """Return a number of a column in canonical text."""
    value = column[VALUE_BYTES * row : VALUE_BYTES * (row + 1)]
    return text_of(int.from_bytes(value, "big", signed=True))


def _replies(columns: Columns, reply: ColumnsReply | Failure) -> list[Reply]:
    """Return the reply to each row."""
    if isinstance(reply, Failure):
        return [reply] * len(columns)
    duplicates = set(reply.duplicates)
    return [
        reply.failures.get(row)
        or Committed(
            columns.request_id(row),
            number_text(reply.sums, row),
            row in duplicates,
            Position(reply.topic, reply.partitions[row], reply.offsets[row]),
        )
        for row in range(len(columns))
    ]


def _bytes_of(name: str, column: "Buffer") -> bytes:
    try:
        found = column if isinstance(column, bytes) else bytes(memoryview(column))
    except TypeError:
        raise TypeError(
            f"{name} is a {type(column).__name__}; give bytes, or a buffer such as a numpy array of 16-byte values"
        ) from None
    if len(found) % VALUE_BYTES:
        raise ValueError(f"{name} has {len(found)} bytes; a column has {VALUE_BYTES} for each row")
    return found
