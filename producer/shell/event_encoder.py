"""From additions to records: the framed Avro bytes of SumAdded.

The layout follows the schema: id, a, b and sum with 16 bytes each, then the time as a zigzag varint, the same for a
whole batch. A large batch is laid out as columns in one buffer and cut; `encode` makes one record and is the reference.
Fields that a newer contract has after these are written with their defaults, so a producer needs only the generated
code to move to it. Tests prove all of it equal to the generated `SumAdded.encode`, which costs ten times as much.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from producer.core.addition import Addition
from producer.core.calls import Attempt, Block
from producer.core.columns import Columns
from tally.base import framing, varint
from tally.generated.avro.sum_added import SumAdded
from tally.kafka.transaction_port import Outgoing

_COLUMNS_FROM: Final = 32
"""With fewer records, columns cost more than they save."""
_HALF_MAX: Final = 1 << 62
"""The sum of two operands below it fits into 64 bits."""
_NOTHING: Final = bytes(65)
"""The five fields when all are zero: four of 16 bytes, and one byte of time."""


def _fields_behind() -> bytes:
    """Return the bytes after ``added_at``, the same in every record. Raises TypeError for a field without a default."""
    zero = Decimal(0)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    body = SumAdded(request_id=UUID(int=0), a=zero, b=zero, sum=zero, added_at=epoch).encode()
    assert body.startswith(_NOTHING), "the contract's first fields are id, a, b, sum and the time: see `encode`"
    return body[len(_NOTHING) :]


_FIELDS_BEHIND: Final = _fields_behind()


def encode(addition: Addition, frame: bytes, added_at: bytes) -> bytes:
    """Return the record's value: frame, body. ``added_at`` is the varint of the time in microseconds."""
    request_id, a, b = addition
    return b"".join(
        (
            frame,
            request_id,
            a.to_bytes(16, "big", signed=True),
            b.to_bytes(16, "big", signed=True),
            (a + b).to_bytes(16, "big", signed=True),
            added_at,
            _FIELDS_BEHIND,
        )
    )


def encode_all(additions: Sequence[Addition], frame: bytes, added_at: bytes) -> list[bytes]:
    """Return `encode` of each addition, in order."""
    request_ids, a, b = zip(*additions, strict=True)
    try:
        first, second = np.array(a, np.int64), np.array(b, np.int64)
    except OverflowError:
        return [encode(addition, frame, added_at) for addition in additions]
    if max(first.max(), second.max()) >= _HALF_MAX or min(first.min(), second.min()) <= -_HALF_MAX:
        return [encode(addition, frame, added_at) for addition in additions]
    ids = np.frombuffer(b"".join(request_ids), np.uint8).reshape(-1, 16)
    columns = Columns(ids, _fixed_column(first), _fixed_column(second), _fixed_column(first + second))
    return encode_columns(columns, frame, added_at)


def encode_columns(columns: Columns, frame: bytes, added_at: bytes) -> list[bytes]:
    """Return `encode` of each row, in order."""
    rest = added_at + _FIELDS_BEHIND
    numbers = SumAdded.column_dtype().descr[:4]
    layout = np.dtype([("frame", "u1", (len(frame),)), *numbers, ("rest", "u1", (len(rest),))])
    rows = np.empty(len(columns), layout)
    rows["frame"] = np.frombuffer(frame, np.uint8)
    rows["request_id"] = columns.request_ids
    rows["a"] = columns.a
    rows["b"] = columns.b
    rows["sum"] = columns.total
    rows["rest"] = np.frombuffer(rest, np.uint8)
    buffer, width = rows.tobytes(), layout.itemsize
    return [buffer[at : at + width] for at in range(0, len(buffer), width)]


def _fixed_column(values: NDArray[np.int64]) -> NDArray[np.uint8]:
    """Return each value in 16 bytes of big-endian two's complement, shape (n, 16)."""
    halves = np.empty((len(values), 2), ">i8")
    halves[:, 0] = values >> 63  # only the sign
    halves[:, 1] = values
    return halves.view(np.uint8)


class EventEncoder:
    """Makes the records of a batch. The schema id comes from the registry and is never in the code."""

    def __init__(self, schema_id: int) -> None:
        self._frame = framing.frame(schema_id)

    def records(self, attempts: Sequence[Attempt], now_us: int, blocks: Sequence[Block] = ()) -> list[Outgoing]:
        """Return one record for each attempt, and for each row of the blocks, in order.

        ``now_us`` is the time in microseconds since 1970.
        """
        added_at = varint.encode(now_us)
        records = self._of_attempts(attempts, added_at)
        for block in blocks:
            records += map(Outgoing, block.keys, encode_columns(block.columns, self._frame, added_at), block.partitions)
        return records

    def _of_attempts(self, attempts: Sequence[Attempt], added_at: bytes) -> list[Outgoing]:
        additions = [attempt.addition for attempt in attempts]
        if len(additions) < _COLUMNS_FROM:
            values = [encode(addition, self._frame, added_at) for addition in additions]
        else:
            values = encode_all(additions, self._frame, added_at)
        return [
            Outgoing(attempt.addition.request_id, value, attempt.partition)
            for attempt, value in zip(attempts, values, strict=True)
        ]
