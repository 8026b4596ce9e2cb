"""Validation: exact values, or a refusal that names each wrong field."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from producer.core.addition import Addition, validate
from producer.core.refusals import Code, Outcome, Reason, Refusal
from tally.event import decimals

ID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
LARGEST = "9" * 29 + "." + "9" * 9

unscaled = st.integers(-decimals.UNSCALED_LIMIT + 1, decimals.UNSCALED_LIMIT - 1)


@given(st.uuids(), unscaled, unscaled)
def test_a_valid_addition_is_exact_or_out_of_range(request_id: UUID, a: int, b: int) -> None:
    """Any two numbers that the contract allows are added exactly, or refused when their sum does not fit."""
    result = validate(str(request_id).upper(), decimals.text_of(a), decimals.text_of(b))
    if decimals.in_range(a + b):
        assert result == Addition(request_id.bytes, a, b)
        assert isinstance(result, Addition)
        assert (result.sum, result.sum_text) == (a + b, decimals.text_of(a + b))
        assert result.request_id_text == str(request_id)
    else:
        assert isinstance(result, Refusal)
        assert (result.code, result.reason) == (Code.OUT_OF_RANGE, Reason.SUM_OUT_OF_RANGE)


@pytest.mark.parametrize(
    "text",
    ["", "6ba7b8109dad11d180b400c04fd430c8", f"{{{ID}}}", ID + "\n", ID[:-1], ID[:-1] + "g", "٦" + ID[1:], "x" * 5000],
)
def test_only_a_uuid_in_text_is_a_request_id(text: str) -> None:
    """Text that is not a UUID is INVALID_ARGUMENT for request_id, and a long one is not echoed in full."""
    result = validate(text, "1", "2")
    assert isinstance(result, Refusal)
    assert result.code is Code.INVALID_ARGUMENT
    assert [violation.field for violation in result.violations] == ["request_id"]
    assert len(result.violations[0].message) < 200


def test_each_wrong_field_is_named() -> None:
    """A request with three wrong fields gets three violations at once, and is known not to be committed."""
    result = validate("no", "1e3", "0." + "1" * 10)
    assert isinstance(result, Refusal)
    assert [(violation.field, violation.rule_id) for violation in result.violations] == [
        ("request_id", "string.uuid"), ("a", "string.pattern"), ("b", "string.pattern"),
    ]  # fmt: skip
    assert result.outcome is Outcome.NOT_COMMITTED


def test_more_digits_are_refused_and_never_rounded() -> None:
    """The largest number is accepted, and one more digit on either side of the point is refused, never rounded."""
    assert isinstance(validate(ID, LARGEST, "-" + LARGEST), Addition)
    for text in ("1" + LARGEST, LARGEST + "1"):
        refused = validate(ID, text, "0")
        assert isinstance(refused, Refusal)
        assert refused.reason is Reason.INVALID_FIELD


def test_two_largest_numbers_do_not_overflow() -> None:
    """The sum of the two largest numbers, which exceeds 128 bits, is OUT_OF_RANGE and not a wrong number."""
    for sign in ("", "-"):
        refused = validate(ID, sign + LARGEST, sign + LARGEST)
        assert isinstance(refused, Refusal)
        assert refused.code is Code.OUT_OF_RANGE
