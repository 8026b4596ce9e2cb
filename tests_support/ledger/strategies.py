"""Hypothesis strategies: what a topic's partition may hold."""

from hypothesis import strategies as st

from tally.base.framing import frame
from tests_support.ledger.records import (
    ADDED_AT,
    LIMIT,
    PARTITION,
    SCHEMA_ID,
    UNKNOWN_SCHEMA_ID,
    Record,
    body,
    request_id,
)

BASE_MS = 1_764_000_000_000
EDGES = (0, 1, -1, LIMIT - 1, 1 - LIMIT, 2**64, -(2**64), 2**64 - 1, 10**9)

numbers = st.one_of(st.sampled_from(EDGES), st.integers(-(10**20), 10**20), st.integers(1 - LIMIT, LIMIT - 1))
small = st.sampled_from((0, 1, -5))
"""Few values, so that an id comes again with the same operands."""
any_int128 = st.one_of(numbers, st.integers(-(2**127), 2**127 - 1), st.sampled_from((LIMIT, -LIMIT)))
ids = st.integers(0, 9).map(request_id)
foreign_ids = st.integers(0, 3).map(lambda number: request_id(number, (PARTITION + 1) % 12))
varints = st.one_of(
    st.just(ADDED_AT),
    st.sampled_from((b"\x02", b"\x80\x02", b"\xff" * 8 + b"\x01", b"\xff" * 9 + b"\x01", b"\xff" * 9 + b"\x02", b"")),
    st.binary(min_size=8, max_size=8),
)


@st.composite
def values(draw: st.DrawFn) -> tuple[bytes | None, bytes | None]:
    """Return (key, value): mostly good, and every kind of bad."""
    form = draw(st.integers(0, 9))
    id_ = draw(st.one_of(ids, ids, ids, foreign_ids) if form == 9 else ids)
    if form <= 4:
        return id_, frame(SCHEMA_ID) + body(id_, draw(small), draw(small))
    if form == 5:
        return draw(st.one_of(st.none(), st.binary(max_size=20))), draw(st.one_of(st.none(), st.binary(max_size=90)))
    total = draw(st.one_of(st.none(), any_int128)) if form == 6 else None
    operand = any_int128 if form == 7 else numbers
    a, b = draw(operand), draw(operand)
    if total is None and not -(2**127) <= a + b < 2**127:
        total = 0
    schema = draw(st.sampled_from((SCHEMA_ID, SCHEMA_ID, UNKNOWN_SCHEMA_ID))) if form == 8 else SCHEMA_ID
    data = body(id_, a, b, total)[:64] + (draw(varints) if form == 8 else ADDED_AT)
    key = draw(st.one_of(st.just(id_), st.none(), ids, st.binary(max_size=17))) if form == 9 else id_
    return key, frame(schema) + data


@st.composite
def topics(draw: st.DrawFn, max_size: int = 40) -> list[Record]:
    """Return a partition: gaps between offsets (commit markers), windows of the chain crossed, broker's timestamps."""
    offset, records = draw(st.sampled_from((0, 0, 1000, 16_000, 63))), []
    for key, value in draw(st.lists(values(), max_size=max_size)):
        timestamp = draw(st.sampled_from((BASE_MS, BASE_MS + 1, 0, -1, 1, 2**40, 2**62)))
        records.append(Record(offset, timestamp, key, value))
        offset += draw(st.sampled_from((1, 1, 1, 2, 63, 1000, 3000)))
    return records


@st.composite
def batched(draw: st.DrawFn, max_size: int = 40) -> list[list[Record]]:
    """Return a partition cut into batches."""
    records = draw(topics(max_size=max_size))
    batches = []
    while records:
        n = draw(st.integers(1, len(records)))
        batches.append(records[:n])
        records = records[n:]
    return batches
