"""One addition: from the texts of a request to exact values, or to a refusal that names every wrong field.

The rules for the fields stand in the contract, tally.proto; code compiled from it decides here.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from producer.core import refusals
from producer.core.refusals import Refusal
from tally.base.uuid_text import uuid_text
from tally.event import decimals
from tally.generated.rules import Violation
from tally.generated.tally.v1.tally_rules import add_request_fields


# A NamedTuple, not a dataclass: one is made for each request, and making it takes a third of the time.
class Addition(NamedTuple):
    """A valid addition. ``request_id`` is the UUID's 16 bytes, a and b are unscaled (see tally.event.decimals)."""

    request_id: bytes
    a: int
    b: int

    @property
    def sum(self) -> int:
        """a + b, unscaled, in range."""
        return self.a + self.b

    @property
    def request_id_text(self) -> str:
        """The id in canonical lower-case form."""
        return uuid_text(self.request_id)

    @property
    def sum_text(self) -> str:
        """a + b in canonical text."""
        return decimals.text_of(self.a + self.b)


_SUM_OUT_OF_RANGE: Final = refusals.sum_out_of_range()
_PATTERN: Final = "string.pattern"
_INVALID: Final = refusals.brief(refusals.invalid_fields([]))


def validate(request_id: str, a: str, b: str, *, brief: bool = False) -> Addition | Refusal:
    """Return the addition of a request's texts, or INVALID_ARGUMENT or OUT_OF_RANGE.

    ``brief``: without saying which field is wrong and why, which takes most of the time.
    """
    broken = add_request_fields(request_id, a, b)
    if broken:
        return _INVALID if brief else refusals.invalid_fields(_worded(broken, {"a": a, "b": b}))
    first = decimals.value_of(a)
    second = decimals.value_of(b)
    if not decimals.in_range(first + second):
        return _SUM_OUT_OF_RANGE
    return Addition(bytes.fromhex(request_id.replace("-", "")), first, second)


def _worded(broken: Sequence[Violation], numbers: Mapping[str, str]) -> list[Violation]:
    """Return what the caller reads: for a number, its grammar in words instead of the rule's pattern."""
    return [
        Violation(each.field, each.rule_id, decimals.not_a_number(numbers[each.field]))
        if each.rule_id == _PATTERN and each.field in numbers
        else each
        for each in broken
    ]
