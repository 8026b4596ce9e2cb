"""Exact decimals as the contract has them: decimal(38, 9), in text outside and as an unscaled integer inside.

The grammar of the text is ``-?[0-9]{1,29}(\\.[0-9]{1,9})?``: ASCII digits, no exponent, no plus sign, no blanks.
An unscaled value is the number times 10**9. Nothing here rounds.
"""

import re
from functools import lru_cache
from typing import Final

SCALE: Final[int] = 9
DIGITS_MAX: Final[int] = 38
UNIT: Final[int] = 10**SCALE
UNSCALED_LIMIT: Final[int] = 10**DIGITS_MAX
"""|unscaled| is below this, for operands and sums alike."""

GRAMMAR = r"-?[0-9]{1,29}(\.[0-9]{1,9})?"
_TEXT = re.compile(GRAMMAR)
_TEXT_LENGTH_MAX = 1 + DIGITS_MAX + 1  # sign, digits, point


class DecimalTextError(ValueError):
    """The text is not a number of the contract; the message tells the value and what is allowed."""


def parse(text: str) -> int:
    """Return the unscaled value of ``text``: ``parse("-40.25") == -40_250_000_000``.

    Raises DecimalTextError when the text is outside the grammar; it is never rounded.
    """
    if _TEXT.fullmatch(text) is None:
        raise DecimalTextError(not_a_number(text))
    return value_of(text)


def not_a_number(text: str) -> str:
    """Return what to say of a text that is known to be outside the grammar; a long one is cut."""
    shown = text if len(text) <= _TEXT_LENGTH_MAX else text[:_TEXT_LENGTH_MAX] + "…"
    return (
        f"{shown!r} is not a number of the contract: an optional minus sign, 1 to 29 digits, "
        f"and optionally a point with 1 to 9 digits, for example 2 or -40.25"
    )


def value_of(text: str) -> int:
    """Return the unscaled value of a text that is known to follow the grammar; of another one, anything."""
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(SCALE, "0"))


def text_of(unscaled: int) -> str:
    """Return the canonical text: no leading or trailing zeros, no minus zero. Any size, so that totals fit."""
    whole, fraction = divmod(abs(unscaled), UNIT)
    return f"{'-' if unscaled < 0 else ''}{whole}{_fraction_text(fraction)}"


@lru_cache(maxsize=4096)  # most numbers are amounts of two or three digits after the point
def _fraction_text(fraction: int) -> str:
    return f".{fraction:09d}".rstrip("0") if fraction else ""


def in_range(unscaled: int) -> bool:
    """Tell whether a value fits decimal(38, 9)."""
    return -UNSCALED_LIMIT < unscaled < UNSCALED_LIMIT
