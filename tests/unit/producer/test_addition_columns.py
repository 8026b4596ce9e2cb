"""Many additions at once against one at a time."""

import uuid

from hypothesis import given
from hypothesis import strategies as st

from producer.core.addition import Addition, validate
from producer.core.addition_columns import validate_all
from producer.core.refusals import Refusal
from tally.event import decimals
from tally.event.decimal_columns import unscaled_column

usual = st.from_regex(r"-?[0-9]{1,9}(\.[0-9]{1,9})?", fullmatch=True)
long = st.from_regex(r"-?[0-9]{9,29}(\.[0-9]{1,9})?", fullmatch=True)
odd = ["", "-", ".", "1.", ".5", "--1", "1-", "1.2.3", "+1", "1e3", "1\n", "\n1", " 1", "٣", "\ud800"]
broken = st.one_of(st.sampled_from(odd), st.text(alphabet="0159-.\n é", max_size=5))
ids = st.uuids().map(str)
odd_ids = st.one_of(
    st.uuids().map(lambda each: str(each).upper()),
    st.uuids().map(lambda each: each.hex),
    st.uuids().map(lambda each: f"{each.hex[:9]}-{str(each)[9:13]}{str(each)[13:]}"[:36]),
    st.text(alphabet="0af-\n ", min_size=36, max_size=36),
    st.just("6ba7b810-9dad-11d1-80b4-00c04fd430c٣"),
    st.just("6ba7b810-9dad-11d1-80b4-00c04fd4 0c8"),
    st.just("\ud800" * 36),
)


def rows_of(one_id: st.SearchStrategy[str], number: st.SearchStrategy[str]) -> st.SearchStrategy[list[tuple[str, ...]]]:
    return st.lists(st.tuples(one_id, number, number), min_size=1, max_size=20)


@given(st.one_of(rows_of(ids, usual), rows_of(st.one_of(ids, odd_ids), st.one_of(usual, usual, long, broken))))
def test_a_batch_is_validated_as_each_of_it_would_be(rows: list[tuple[str, str, str]]) -> None:
    """A batch is validated to the same additions and refusals, in the same places, as its rows one by one."""
    request_ids, a, b = zip(*rows, strict=True)
    checked = validate_all(request_ids, a, b, details_max=len(rows))
    assert checked == [validate(*row) for row in rows]
    assert all(type(each.request_id) is bytes for each in checked if isinstance(each, Addition))


@given(rows_of(st.one_of(ids, odd_ids), st.one_of(usual, broken)), st.integers(0, 30), st.integers(1, 5))
def test_details_end_at_their_limit_also_where_rows_repeat(
    rows: list[tuple[str, str, str]], details_max: int, times: int
) -> None:
    """The first refusals have details and all further ones are brief, whether or not a row is that before it."""
    repeated = [row for row in rows for _ in range(times)]
    expected: list[Addition | Refusal] = []
    for row in repeated:
        told = sum(isinstance(each, Refusal) for each in expected)
        expected.append(validate(*row, brief=told >= details_max))
    request_ids, a, b = zip(*repeated, strict=True)
    assert validate_all(request_ids, a, b, details_max) == expected


@given(st.lists(usual, min_size=1, max_size=50))
def test_usual_numbers_are_read_as_a_column(texts: list[str]) -> None:
    """Numbers of up to nine digits before the point are read as a column, with the values that each has alone."""
    column = unscaled_column(texts)
    assert column is not None, "these have at most nine digits before the point"
    assert column.tolist() == [decimals.parse(text) for text in texts]


@given(st.lists(usual, max_size=5), st.one_of(long, broken), st.lists(usual, max_size=5))
def test_one_unusual_text_sends_the_column_the_exact_way(before: list[str], odd: str, after: list[str]) -> None:
    """Numbers are not read as a column when one of them is no number, or has too many digits for 64 bits."""
    try:
        decimals.parse(odd)
        fits = len(odd.lstrip("-").partition(".")[0]) <= 9
    except decimals.DecimalTextError:
        fits = False
    assert (unscaled_column([*before, odd, *after]) is not None) == fits


def test_no_additions_are_no_results() -> None:
    """An empty batch has no results and no error, and a batch of zeros has its addition."""
    assert validate_all([], [], [], 1) == []
    assert validate_all([str(uuid.UUID(int=0))], ["0"], ["-0"], 1) == [Addition(bytes(16), 0, 0)]
