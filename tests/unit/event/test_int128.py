"""Columns of 128-bit values against Python's ints."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tally.event.decimals import in_range as one_in_range
from tally.event.int128 import adds_up, exact_sum, from_bytes, from_halves, halves, in_range, to_bytes
from tally.event.rows import Bytes16
from tests_support.ledger.strategies import any_int128

lists = st.lists(any_int128, max_size=20)


def column(values: list[int]) -> Bytes16:
    return np.frombuffer(b"".join(map(to_bytes, values)), np.uint8).reshape(-1, 16)


@given(lists)
def test_halves_and_back_are_the_same_bytes(values: list[int]) -> None:
    """128-bit values split into halves and joined again are the same bytes, and mean the same ints."""
    assert from_halves(*halves(column(values))).tobytes() == column(values).tobytes()
    assert [from_bytes(row.tobytes()) for row in column(values)] == values


@given(lists)
def test_the_sum_of_a_column_is_exact_at_any_size(values: list[int]) -> None:
    """The sum of a column is Python's exact sum, also beyond 128 bits."""
    assert exact_sum(column(values)) == sum(values)


@given(lists)
def test_the_range_is_that_of_the_contract(values: list[int]) -> None:
    """A column's range check accepts exactly those values that the check of a single number accepts."""
    assert in_range(halves(column(values))).tolist() == [one_in_range(value) for value in values]


@given(st.lists(st.tuples(any_int128, any_int128, any_int128), max_size=20))
def test_a_sum_in_range_is_right_exactly_when_it_is_a_plus_b(triples: list[tuple[int, int, int]]) -> None:
    """For values in range, a column's sum is accepted exactly when it equals a + b in Python's ints."""
    inside = [t for t in triples if all(map(one_in_range, t))]
    inside += [(a, b, a + b) for a, b, _ in inside if one_in_range(a + b)]
    a, b, total = (halves(column([t[k] for t in inside])) for k in range(3))
    assert adds_up(a, b, total).tolist() == [a + b == total for a, b, total in inside]
