"""Avro's longs: each has one value, and what is none is told."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tally.base import varint

POWERS = st.sampled_from([sign << bit for bit in range(63) for sign in (1, -1)])
LONGS = st.integers(-(1 << 63), (1 << 63) - 1) | POWERS


@given(LONGS)
def test_a_long_is_read_as_it_was_written(value: int) -> None:
    """Any 64-bit value is read as it was written, together with the number of its bytes."""
    written = varint.encode(value)
    assert varint.decode(written + b"rest", 0) == (value, len(written))


@given(LONGS)
def test_a_long_is_written_as_avro_defines_it(value: int) -> None:
    """Any 64-bit value is written in zigzag, seven bits a byte from the lowest on."""
    rest = 0
    for place, byte in enumerate(varint.encode(value)):
        rest |= (byte & 0x7F) << (7 * place)
    assert (rest >> 1) ^ -(rest & 1) == value


@given(st.lists(LONGS, min_size=1))
def test_columns_are_written_and_read_as_single_values_are(values: list[int]) -> None:
    """Any 64-bit value of a column is written and read as the same bytes, of the same width, as a single one."""
    unsigned = varint.zigzag(np.array(values, np.int64))
    for value, number, width in zip(values, unsigned, varint.widths(unsigned), strict=True):
        row = np.zeros((1, int(width)), np.uint8)
        varint.write_column(row, np.array([number], np.uint64))
        assert row.tobytes() == varint.encode(value)
        assert varint.have_width(row).all()
        assert varint.read_column(row).tolist() == [value]


@pytest.mark.parametrize(("row", "has"), [(b"\x80\x01", True), (b"\x80\x80", False), (b"\x01\x01", False)])
def test_what_ends_before_a_width_or_goes_on_behind_it_is_not_of_that_width(row: bytes, *, has: bool) -> None:
    """Bytes have a width only if their varint ends with the last of them, neither earlier nor later."""
    assert varint.have_width(np.frombuffer(row, np.uint8).reshape(1, -1)).tolist() == [has]


@pytest.mark.parametrize("last", [b"\x02", b"\x7f"])
def test_more_than_64_bits_are_refused(last: bytes) -> None:
    """A varint whose tenth byte exceeds 64 bits raises ValueError instead of wrapping around."""
    with pytest.raises(ValueError, match="more than 64 bits"):
        varint.decode(b"\xff" * 9 + last, 0)


def test_an_eleventh_byte_is_refused_and_an_end_within_is_told() -> None:
    """A varint of eleven bytes raises ValueError, and one that ends too early IndexError."""
    with pytest.raises(ValueError, match="more than 64 bits"):
        varint.decode(b"\x80" * 11, 0)
    with pytest.raises(IndexError):
        varint.decode(b"\x80\x80", 0)
