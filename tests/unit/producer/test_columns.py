"""Columns of 16-byte values against one addition at a time, which is the reference."""

from collections.abc import Sequence
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from producer.core import columns as columnar
from producer.core.addition import Addition, validate
from producer.core.columns import Columns, first_seen
from producer.core.refusals import Refusal
from producer.shell.event_encoder import encode, encode_columns
from tally.base.uuid_text import uuid_text
from tally.event import decimals, int128
from tally.event.partitions import partition_of

LIMIT = decimals.UNSCALED_LIMIT
EDGES = [
    0, 1, -1, LIMIT - 1, 1 - LIMIT, LIMIT, -LIMIT, LIMIT // 2, -LIMIT // 2, 2**127 - 1, -(2**127), 2**63, -(2**63) - 1,
    2**64,
]  # fmt: skip
number = st.one_of(st.sampled_from(EDGES), st.integers(-(10**12), 10**12), st.integers(-(2**127), 2**127 - 1))
row = st.tuples(st.binary(min_size=16, max_size=16), number, number)
Row = tuple[bytes, int, int]


def joined(rows: Sequence[Row]) -> tuple[bytes, bytes, bytes]:
    """Return the three columns of a request."""
    ids, a, b = zip(*rows, strict=True)
    return b"".join(ids), b"".join(map(int128.to_bytes, a)), b"".join(map(int128.to_bytes, b))


def one_by_one(request_id: bytes, a: int, b: int) -> Addition | str:
    """Return the addition, or the reason and the fields of its refusal, as Add decides."""
    found = validate(uuid_text(request_id), decimals.text_of(a), decimals.text_of(b))
    return told(found) if isinstance(found, Refusal) else found


def told(refusal: Refusal) -> str:
    return f"{refusal.code.name} {refusal.reason} {[each.field for each in refusal.violations]}"


@given(st.lists(row, min_size=1, max_size=40))
@example([(bytes(16), LIMIT - 1, 0), (bytes(16), LIMIT - 1, 1), (bytes(16), 1 - LIMIT, -1), (bytes(16), 1 - LIMIT, 0)])
@example([(bytes(16), LIMIT - 1, LIMIT - 1), (bytes(16), 1 - LIMIT, 1 - LIMIT)])  # these overflow 128 bits
@example([(bytes(16), 2**127 - 1, 2**127 - 1), (bytes(16), -(2**127), -(2**127)), (bytes(16), LIMIT, -LIMIT)])
def test_columns_are_judged_as_each_row_would_be(rows: list[Row]) -> None:
    """Columns are read to the additions, sums, partitions and refusals that their rows have one by one."""
    columns, valid, refused = columnar.read(*joined(rows))
    found: dict[int, Addition | str] = {int(at): columns.addition(int(at)) for at in valid}
    for refusal, some in refused.items():
        assert found.keys().isdisjoint(some.tolist())
        found.update(dict.fromkeys(some.tolist(), told(refusal)))
    assert [found[at] for at in range(len(rows))] == [one_by_one(*each) for each in rows]
    good = columns.rows(valid)
    assert int128.to_ints(good.total) == [rows[at][1] + rows[at][2] for at in valid]
    assert int128.to_ints(columns.a) == [a for _, a, _ in rows]
    assert good.keys() == [rows[at][0] for at in valid]
    assert columns.partitions(12).tolist() == [partition_of(key, 12) for key, _, _ in rows]


in_range = st.one_of(st.integers(-(10**12), 10**12), st.integers(-LIMIT // 2 + 1, LIMIT // 2 - 1))


@given(st.lists(st.tuples(st.uuids(), in_range, in_range), min_size=1, max_size=40))
def test_columns_are_encoded_as_each_row_would_be(rows: list[tuple[UUID, int, int]]) -> None:
    """The records of columns are byte for byte those of their rows one by one."""
    columns, _, refused = columnar.read(*joined([(each.bytes, a, b) for each, a, b in rows]))
    assert not refused
    expected = [encode(Addition(each.bytes, a, b), b"frame", b"time") for each, a, b in rows]
    assert encode_columns(columns, b"frame", b"time") == expected


@pytest.mark.parametrize(
    ("lengths", "fields"),
    [
        ((32, 32, 32), []),
        ((32, 31, 32), ["a"]),
        ((33, 33, 33), ["request_ids", "a", "b"]),
        ((32, 16, 48), ["a", "b"]),
        ((17, 16, 16), ["request_ids"]),
    ],
)
def test_columns_of_wrong_lengths_are_refused_by_name(lengths: tuple[int, int, int], fields: list[str]) -> None:
    """Columns that are not 16 bytes a row, or not of equal length, are refused with the columns that are wrong."""
    refusal = columnar.misshapen(*map(bytes, lengths))
    assert [each.field for each in refusal.violations] == fields if refusal else not fields


ids = st.integers(0, 5).map(lambda each: each.to_bytes(16, "big"))


@given(st.lists(ids, max_size=8), st.sets(ids), st.sets(ids))
def test_an_id_is_new_the_first_time_it_is_seen(keys: list[bytes], cached: set[bytes], flying: set[bytes]) -> None:
    """A row is new unless its id is known, in flight, or stands in an earlier row; the others keep their order."""
    known = [key if key in cached else None for key in keys]
    new, others = first_seen(keys, known, dict.fromkeys(flying))
    expected = [at for at, key in enumerate(keys) if key not in cached and key not in flying and key not in keys[:at]]
    assert new.tolist() == expected
    assert others == sorted({*range(len(keys))} - {*expected})


def test_all_rows_of_columns_are_the_columns_themselves() -> None:
    """Nothing is copied where all rows are wanted."""
    columns, valid, _ = columnar.read(bytes(32), bytes(32), bytes(32))
    assert isinstance(columns, Columns)
    assert columns.rows(valid) is columns
