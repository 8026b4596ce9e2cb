"""What callers write into the query string, and ranges of bytes."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.byte_range import Part, Unsatisfiable, Whole, parse_range
from consumer.core.queries import Position, QueryError, cursor_of, parse_cursor, parse_position, parse_request_id


@given(st.integers(0, 11), st.integers(0, 10**17))
def test_a_cursor_is_read_as_it_was_written(partition: int, offset: int) -> None:
    """A cursor and a position parse to the same partition and offset as they were written from, for any values."""
    place = Position(partition, offset)
    assert parse_cursor(cursor_of(place), None, 12) == place
    assert parse_cursor(str(offset), partition, 12) == place
    assert parse_position(f"{partition}:{offset}", 12) == place


@pytest.mark.parametrize("text", ["", "3", "3:", ":4", "12:1", "3:-1", "٣:1", "3:1 ", "3:99999999999999999999"])
def test_a_position_that_is_none_is_refused_with_what_is_allowed(text: str) -> None:
    """Text that is not PARTITION:OFFSET of a known partition is refused with a message that says what is allowed."""
    with pytest.raises(QueryError, match="allowed is"):
        parse_position(text, 12)


@pytest.mark.parametrize(("text", "partition"), [("5", None), ("4:1", 3), ("x", 3), ("12:1", None)])
def test_a_cursor_that_is_none_is_refused(text: str, partition: int | None) -> None:
    """A cursor without a partition, or one of another or an unknown partition, is refused by the parameter's name."""
    with pytest.raises(QueryError, match=r"after|partition"):
        parse_cursor(text, partition, 12)


@given(st.uuids())
def test_a_request_id_is_read_in_either_case(own: uuid.UUID) -> None:
    """A request id in lower or upper case is read as the same 16 bytes."""
    assert parse_request_id(str(own)) == parse_request_id(str(own).upper()) == own.bytes


@pytest.mark.parametrize("text", ["", "x", "{00000000-0000-0000-0000-000000000000}", "0" * 32])
def test_a_request_id_in_another_form_is_refused(text: str) -> None:
    """A request id that is not in the hyphenated form of a UUID is refused by the parameter's name."""
    with pytest.raises(QueryError, match="request_id"):
        parse_request_id(text)


@given(st.integers(0, 50), st.integers(0, 60), st.integers(0, 60))
def test_a_range_is_what_slicing_gives(size: int, first: int, last: int) -> None:
    """A Range header gives the same bytes as slicing the file, with inclusive ends turned into exclusive ones."""
    found = parse_range(f"bytes={first}-{last}", size)
    if last < first:
        assert found == Whole()
    elif first >= size:
        assert found == Unsatisfiable()
    else:
        assert isinstance(found, Part)
        assert range(size)[found.start : found.stop] == range(size)[first : last + 1]


@pytest.mark.parametrize(
    ("header", "found"),
    [
        (None, Whole()),
        ("bytes=-", Whole()),
        ("lines=1-2", Whole()),
        ("bytes=0-1,3-4", Whole()),
        ("bytes=-4", Part(6, 10)),
        ("bytes=-40", Part(0, 10)),
        ("bytes=7-", Part(7, 10)),
        ("bytes=-0", Unsatisfiable()),
    ],
)
def test_ranges_are_cut_to_the_file_and_unreadable_ones_mean_the_whole(header: str | None, found: object) -> None:
    """A range is cut to the file's size, an empty one is unsatisfiable, and an unreadable one means the whole file."""
    assert parse_range(header, 10) == found
