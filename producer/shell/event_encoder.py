"""From additions to records: the framed Avro bytes of SumAdded, packed straight.

The layout follows the schema: id, a, b and sum of 16 bytes each, then the time as a zigzag varint, the same for a whole
batch. A test proves it equal to the generated `SumAdded.encode`, which costs ten times as much.
"""

from collections.abc import Sequence

from common import framing
from producer.core.addition import Addition
from producer.core.batching import Attempt
from producer.core.ports import Outgoing


def encode(addition: Addition, frame: bytes, added_at: bytes) -> bytes:
    """Return the record's value: frame, body. ``added_at`` is `varint_of` the time in microseconds."""
    request_id, a, b = addition
    return b"".join(
        (
            frame,
            request_id,
            a.to_bytes(16, "big", signed=True),
            b.to_bytes(16, "big", signed=True),
            (a + b).to_bytes(16, "big", signed=True),
            added_at,
        )
    )


def varint_of(value: int) -> bytes:
    """Return an Avro long: zigzag, then seven bits a byte, the low ones first."""
    rest = (value << 1) ^ (value >> 63)
    out = bytearray()
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


class EventEncoder:
    """Makes the records of a batch. The schema id is the registry's; it never stands in the code."""

    def __init__(self, schema_id: int) -> None:
        self._frame = framing.frame(schema_id)

    def records(self, attempts: Sequence[Attempt], now_us: int) -> list[Outgoing]:
        """Return one record for each attempt, in order. ``now_us`` is the time in microseconds since 1970."""
        frame, added_at = self._frame, varint_of(now_us)
        return [
            Outgoing(attempt.addition.request_id, encode(attempt.addition, frame, added_at), attempt.partition)
            for attempt in attempts
        ]
