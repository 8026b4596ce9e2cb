"""The straight packing of records against the generated class."""

import datetime
from decimal import Decimal, localcontext
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from common import decimals, framing
from contracts.generated.avro.sum_added import SumAdded
from producer.core.addition import Addition
from producer.core.batching import Attempt, Call, Waiter
from producer.shell.event_encoder import EventEncoder, varint_of

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
half = st.integers(-decimals.UNSCALED_LIMIT // 2 + 1, decimals.UNSCALED_LIMIT // 2 - 1)
micros = st.integers(0, 253_402_300_799_999_999)  # to the end of the year 9999


def exact(unscaled: int) -> Decimal:
    with localcontext() as context:
        context.prec = 60
        return Decimal(unscaled).scaleb(-decimals.SCALE)


@given(st.uuids(), half, half, micros, st.integers(0, 2**31 - 1))
def test_a_record_equals_the_generated_encoding(request_id: UUID, a: int, b: int, now_us: int, schema_id: int) -> None:
    """The packed bytes are frame and body as the generated SumAdded.encode makes them, byte for byte."""
    attempt = Attempt(Addition(request_id.bytes, a, b), 7, Waiter(Call([None], 0.0, 0), 0, False))
    [record] = EventEncoder(schema_id).records([attempt], now_us)
    event = SumAdded(
        request_id=request_id,
        a=exact(a),
        b=exact(b),
        sum=exact(a + b),
        added_at=EPOCH + datetime.timedelta(microseconds=now_us),
    )
    assert framing.unframe(record.value) == (schema_id, event.encode())
    assert (record.key, record.partition) == (request_id.bytes, 7)


@given(st.integers(-(2**63), 2**63 - 1))
def test_a_varint_reads_back(value: int) -> None:
    """Zigzag and seven bits a byte, for every 64-bit value."""
    rest = 0
    for place, byte in enumerate(varint_of(value)):
        rest |= (byte & 0x7F) << (7 * place)
    assert (rest >> 1) ^ -(rest & 1) == value
