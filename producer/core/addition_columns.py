"""Many additions at once: what `producer.core.addition.validate` says of each, in a fraction of the time.

A batch whose texts are all of the usual kind (a UUID, numbers that fit 64 bits) is checked and read as columns. Any
other batch goes through `validate`, one by one, which is the reference: a test compares the two.
"""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import Final

import numpy as np

from producer.core.addition import Addition, validate
from producer.core.refusals import Refusal
from tally.event.decimal_columns import unscaled_column

_ID_BYTES: Final = 16
_UUID_LENGTH: Final = 36
_DASH_PLACES: Final = np.array([8, 13, 18, 23])
_make: Final = partial(tuple.__new__, Addition)  # Addition's own __new__ is Python and costs three times as much


def validate_all(
    request_ids: Sequence[str], a: Sequence[str], b: Sequence[str], details_max: int
) -> list[Addition | Refusal]:
    """Return `validate` of each request's texts, in order; after ``details_max`` refusals, brief ones."""
    ids = _uuid_bytes(request_ids)
    first = unscaled_column(a) if ids is not None else None
    second = unscaled_column(b) if first is not None else None
    if ids is None or first is None or second is None:
        return _one_by_one(zip(request_ids, a, b, strict=True), details_max)
    # Both are below 10**18 in magnitude, so every sum is in range.
    keys = [ids[at : at + _ID_BYTES] for at in range(0, len(ids), _ID_BYTES)]
    return list(map(_make, zip(keys, first.tolist(), second.tolist(), strict=True)))


def _one_by_one(requests: Iterable[tuple[str, str, str]], details_max: int) -> list[Addition | Refusal]:
    checked: list[Addition | Refusal] = []
    last: tuple[str, str, str] | None = None
    for request in requests:
        if request != last or details_max == 0:  # junk is often the same again: a batch of nothing takes a third
            outcome = validate(*request, brief=details_max <= 0)
            last = request
        details_max -= isinstance(outcome, Refusal)
        checked.append(outcome)
    return checked


def _uuid_bytes(texts: Sequence[str]) -> bytes | None:
    """Return the 16 bytes of each id, joined, or None when one is not a UUID in text form."""
    if set(map(len, texts)) != {_UUID_LENGTH}:
        return None
    joined = "".join(texts)
    try:
        chars = np.frombuffer(joined.encode("ascii"), np.uint8).reshape(-1, _UUID_LENGTH)
        ids = bytes.fromhex(joined.replace("-", ""))
    except ValueError:  # UnicodeEncodeError is one
        return None
    # fromhex skips blanks, and a dash too many or too few elsewhere would shift an id into the next one.
    if not (chars[:, _DASH_PLACES] == ord("-")).all() or len(ids) != _ID_BYTES * len(texts):
        return None
    return ids
