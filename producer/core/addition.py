"""One addition: from the texts of a request to exact values, or to a refusal that names each wrong field."""

import re
from typing import NamedTuple

from common import decimals
from producer.core import refusals
from producer.core.refusals import Refusal, Violation

_UUID = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_SHOWN_CHARACTERS_MAX = 40


# A NamedTuple, not a dataclass: one is made for each request, and its construction takes a third of the time.
class Addition(NamedTuple):
    """A valid addition. ``request_id`` is the UUID's 16 bytes, a and b are unscaled (see common.decimals)."""

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
        text = self.request_id.hex()  # five times as fast as uuid.UUID
        return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"

    @property
    def sum_text(self) -> str:
        """a + b in canonical text."""
        return decimals.text_of(self.a + self.b)


def validate(request_id: str, a: str, b: str) -> Addition | Refusal:
    """Return the addition of a request's texts, or INVALID_ARGUMENT or OUT_OF_RANGE."""
    if _UUID.fullmatch(request_id) is None:
        return _violations(request_id, a, b)
    try:
        first = decimals.parse(a)
        second = decimals.parse(b)
    except decimals.DecimalTextError:
        return _violations(request_id, a, b)
    if not decimals.in_range(first + second):
        return refusals.sum_out_of_range()
    return Addition(bytes.fromhex(request_id.replace("-", "")), first, second)


def _violations(request_id: str, a: str, b: str) -> Refusal:
    found: list[Violation] = []
    if _UUID.fullmatch(request_id) is None:
        shown = request_id if len(request_id) <= _SHOWN_CHARACTERS_MAX else request_id[:_SHOWN_CHARACTERS_MAX] + "…"
        text = f"{shown!r} is not a UUID in text, for example 6ba7b810-9dad-11d1-80b4-00c04fd430c8"
        found.append(Violation("request_id", text))
    for field, text in (("a", a), ("b", b)):
        try:
            decimals.parse(text)
        except decimals.DecimalTextError as error:
            found.append(Violation(field, str(error)))
    return refusals.invalid_fields(found)
