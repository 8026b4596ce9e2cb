"""Request ids that follow from source and line."""

from uuid import NAMESPACE_URL, UUID, uuid5

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tally.cli.loading.ids import NAMESPACE, SOURCE_ID_LENGTH_MAX, SourceIdError, check_source_id, request_id

SOURCES = st.text(st.characters(exclude_categories=("C", "Z")), min_size=1, max_size=SOURCE_ID_LENGTH_MAX)
LINES = st.integers(1, 10**12)


def test_the_namespace_and_the_name_are_those_that_the_documents_tell():
    """A row's id is the UUIDv5 of the documented namespace and "source:line", pinned by one example."""
    assert uuid5(NAMESPACE_URL, "tally:load:line:v1") == NAMESPACE
    assert request_id("flights-2013", 17) == str(uuid5(NAMESPACE, "flights-2013:17"))
    assert request_id("flights-2013", 17) == "f8d25d42-3cb9-573b-8dba-d06e6048e185"


@given(SOURCES, LINES)
def test_the_same_source_and_line_always_have_the_same_valid_id(source: str, line: int):
    """Any source and line always give the same canonical UUID of version 5."""
    first = request_id(source, line)
    assert first == request_id(source, line)
    assert str(UUID(first)) == first
    assert UUID(first).version == 5


@given(SOURCES, LINES, SOURCES, LINES)
def test_different_sources_or_lines_never_share_an_id(source: str, line: int, other: str, other_line: int):
    """Two rows share an id if and only if both source and line are the same."""
    same = (source, line) == (other, other_line)
    assert (request_id(source, line) == request_id(other, other_line)) == same


@pytest.mark.parametrize(("source", "line", "other", "other_line"), [("x:1", 2, "x", 12), ("x", 12, "x:1", 2)])
def test_a_colon_in_a_source_id_cannot_make_it_look_like_another_line(source, line, other, other_line):
    """A source id that contains a colon and digits still has ids of its own."""
    assert request_id(source, line) != request_id(other, other_line)


@given(SOURCES)
def test_printable_text_of_moderate_length_is_a_source_id(source: str):
    """Any printable text up to the length limit is accepted as a source id, unchanged."""
    assert check_source_id(source) == source


@pytest.mark.parametrize("text", ["", " x", "x ", "a\nb", "x" * (SOURCE_ID_LENGTH_MAX + 1), "\x00"])
def test_what_is_no_source_id_is_told_with_what_is_allowed(text: str):
    """A source id that is empty, too long, padded or has control characters is refused with the rule."""
    with pytest.raises(SourceIdError, match="printable"):
        check_source_id(text)
