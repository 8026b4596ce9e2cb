"""Many decimals at once, as columns: grammar and values are those of tally.event.decimals, which stays the reference.

Most numbers have few digits, so that their unscaled values fit 64 bits; a column of such costs a tenth of one number at
a time. For any other column the answer is None, and the caller takes the exact way, number by number.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tally.event.decimals import SCALE

WHOLE_DIGITS_MAX: Final = 9
"""With nine after the point every value is below 10**18: the sum of two fits 64 bits as well."""

_ZERO, _MINUS, _POINT, _END = map(ord, "0-.\n")
_PLACE_VALUES: Final = 10 ** np.arange(WHOLE_DIGITS_MAX + SCALE + 1, dtype=np.int64)


def unscaled_column(texts: Sequence[str]) -> NDArray[np.int64] | None:
    """Return `tally.event.decimals.parse` of each text, shape (n,).

    None when a text is not a number of the contract, or has more than ``WHOLE_DIGITS_MAX`` digits before the point.
    """
    # 1. One buffer in which every text ends with a character that no number has.
    try:
        chars = np.frombuffer("\n".join((*texts, "")).encode("ascii"), np.uint8)
    except UnicodeEncodeError:
        return None
    ends = np.flatnonzero(chars == _END)
    if len(ends) != len(texts) or not len(texts):
        return None
    lengths = np.diff(ends, prepend=-1)  # the end included
    starts = ends - lengths + 1
    # 2. Where sign and point are. A text without a point has it at its end, so to speak.
    negative = chars[starts] == _MINUS
    points = ends.copy()
    point_places = np.flatnonzero(chars == _POINT)
    owners = np.searchsorted(ends, point_places)
    points[owners] = point_places
    whole_digits = points - starts - negative
    fraction_digits = ends - points - 1  # -1 without a point
    digits = chars - np.uint8(_ZERO)  # what is below "0" becomes large
    is_digit = digits <= 9
    follows_the_grammar = (
        bool((np.diff(owners) > 0).all())  # one point a text
        and whole_digits.min() >= 1
        and whole_digits.max() <= WHOLE_DIGITS_MAX
        and not (fraction_digits == 0).any()
        and fraction_digits.max() <= SCALE
        and np.count_nonzero(is_digit) == len(chars) - len(ends) - len(owners) - np.count_nonzero(negative)
    )
    if not follows_the_grammar:
        return None
    # 3. Each digit times its place's value, summed up text by text.
    left_of_point = np.repeat(points, lengths) - np.arange(len(chars))
    exponents = SCALE + left_of_point - (left_of_point > 0)
    values = np.add.reduceat(np.where(is_digit, digits, 0) * _PLACE_VALUES[exponents], starts)
    return np.where(negative, -values, values)
