"""The straight packing of records against the generated class."""

import datetime
from decimal import Decimal, localcontext
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from producer.core.addition import Addition
from producer.core.calls import Attempt, Call, Waiter
from producer.shell.event_encoder import EventEncoder, encode_all
from tally.base import framing, varint
from tally.event import decimals
from tally.generated.avro.sum_added import SumAdded

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
half = st.integers(-decimals.UNSCALED_LIMIT // 2 + 1, decimals.UNSCALED_LIMIT // 2 - 1)
small = st.integers(-(10**12), 10**12)
edge = st.sampled_from([2**62 - 1, 2**62, -(2**62), 1 - 2**62, 2**63 - 1, 2**63, -(2**63)])
operand = st.one_of(small, small, small, edge, half)
micros = st.integers(0, 253_402_300_799_999_999)  # to the end of the year 9999


def exact(unscaled: int) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        return Decimal(unscaled).scaleb(-decimals.SCALE)


def expected(request_id: UUID, a: int, b: int, now_us: int) -> bytes:
    """Return the body as the generated class makes it."""
    added_at = EPOCH + datetime.timedelta(microseconds=now_us)
    return SumAdded(request_id=request_id, a=exact(a), b=exact(b), sum=exact(a + b), added_at=added_at).encode()


def attempt(request_id: UUID, a: int, b: int, partition: int = 7) -> Attempt:
    return Attempt(Addition(request_id.bytes, a, b), partition, [Waiter(Call([None], 0.0, 0), 0, False)])


@given(st.uuids(), half, half, micros, st.integers(0, 2**31 - 1))
def test_a_record_equals_the_generated_encoding(request_id: UUID, a: int, b: int, now_us: int, schema_id: int) -> None:
    """A packed record is byte for byte what the generated SumAdded.encode writes, behind the same frame."""
    [record] = EventEncoder(schema_id).records([attempt(request_id, a, b)], now_us)
    assert framing.unframe(record.value) == (schema_id, expected(request_id, a, b, now_us))
    assert (record.key, record.partition) == (request_id.bytes, 7)


@given(st.lists(st.tuples(st.uuids(), operand, operand), min_size=1, max_size=40), micros)
def test_a_batch_equals_the_generated_encoding(rows: list[tuple[UUID, int, int]], now_us: int) -> None:
    """A batch laid out in columns is byte for byte what SumAdded.encode writes, also for operands beyond 64 bits."""
    additions = [Addition(request_id.bytes, a, b) for request_id, a, b in rows]
    values = encode_all(additions, framing.frame(3), varint.encode(now_us))
    assert values == [framing.frame(3) + expected(request_id, a, b, now_us) for request_id, a, b in rows]


def test_a_large_batch_s_records_are_in_order() -> None:
    """Key, value and partition of each record of a large batch are those of the attempt in its place."""
    attempts = [attempt(UUID(int=number), number, -1, number % 12) for number in range(1000)]
    for number, record in enumerate(EventEncoder(3).records(attempts, 1_700_000_000_000_000)):
        assert (record.key, record.partition) == (UUID(int=number).bytes, number % 12)
        assert record.value[5:] == expected(UUID(int=number), number, -1, 1_700_000_000_000_000)
