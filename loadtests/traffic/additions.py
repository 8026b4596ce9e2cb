"""The additions of load tests, benches, the soak and tests: drawn from a seed, with their exact sums. No I/O.

What is drawn elsewhere has a reason: the k6 scripts draw in JavaScript and Go, from the same facts (a test holds them
equal); the bench of the consumer draws millions of records as columns of numpy; tests of `tally load` write CSV files,
whose rows become additions; the demo has real data.
"""

import random
from dataclasses import dataclass
from typing import Final, Self

from tally.base.uuid_text import uuid_text
from tally.client.outcomes import Addition
from tally.event.decimals import SCALE, UNIT, text_of

TAG_BYTES: Final = 6
OPERAND_UNITS_MAX: Final = 1_000_000
LONG_SHARE: Final = 0.1
LONG_FACTOR_MAX: Final = 10**18  # 1e6 * 1e18 has 25 digits before the point: the sum of two fits as well
INVALID: Final = (("1e3", "1"), ("", "1"), ("1", "0.1234567891"), ("NaN", "1"), ("9" * 30, "1"))
"""Operands that the contract forbids."""
_OTHER_OPERANDS: Final = ("77.5", "78")


@dataclass(frozen=True, slots=True)
class DrawnAddition(Addition):
    """An addition with the unscaled sum that its answer and the ledger must have."""

    sum: int

    @property
    def id_bytes(self) -> bytes:
        """Return the id as its 16 bytes."""
        return bytes.fromhex(self.request_id.replace("-", ""))


@dataclass(frozen=True, slots=True)
class Draw:
    """Draws additions. Ids are UUIDs of version 8 (RFC 9562): the run's tag, then 74 random bits.

    ``long_share`` of the operands have up to 25 digits before the point; ``digits_max`` is how many any has after it.
    """

    tag: bytes
    rng: random.Random
    long_share: float = LONG_SHARE
    digits_max: int = SCALE

    @classmethod
    def seeded(cls, tag: bytes, seed: int) -> Self:
        """Return a draw whose operands and choices a seed repeats; ids differ from run to run by the tag."""
        assert len(tag) == TAG_BYTES, f"a tag has {TAG_BYTES} bytes"
        return cls(tag, random.Random(seed))

    def next(self) -> DrawnAddition:
        """Return a new addition."""
        raw = bytearray(self.tag + self.rng.randbytes(16 - TAG_BYTES))
        raw[6] = raw[6] & 0x0F | 0x80
        raw[8] = raw[8] & 0x3F | 0x80
        a, b = self._operand(), self._operand()
        return DrawnAddition(uuid_text(bytes(raw)), text_of(a), text_of(b), a + b)

    def many(self, count: int) -> list[DrawnAddition]:
        """Return so many new additions."""
        return [self.next() for _ in range(count)]

    def invalid(self) -> Addition:
        """Return a new addition that must be refused for its operands."""
        a, b = self.rng.choice(INVALID)
        return Addition(self.next().request_id, a, b)

    def _operand(self) -> int:
        step: int = 10 ** (SCALE - self.digits_max)
        limit = OPERAND_UNITS_MAX * UNIT // step
        value = self.rng.randrange(-limit, limit) * step
        return value * self.rng.randrange(1, LONG_FACTOR_MAX) if self.rng.random() < self.long_share else value


def contradiction_of(addition: Addition) -> Addition:
    """Return the same id with other operands, which must be refused once the addition is acknowledged."""
    one, other = _OTHER_OPERANDS
    return Addition(addition.request_id, addition.a, other if addition.b == one else one)
