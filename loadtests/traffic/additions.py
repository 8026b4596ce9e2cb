"""The additions of a run: ids that bear the run's tag, operands of every length, exact sums. No I/O."""

import random
from dataclasses import dataclass
from typing import Final, Self

from tally.base.uuid_text import uuid_text
from tally.event.decimals import UNIT, text_of

TAG_BYTES: Final = 6
OPERAND_UNITS_MAX: Final = 1_000_000
LONG_SHARE: Final = 0.1
LONG_FACTOR_MAX: Final = 10**18  # 1e6 * 1e18 has 25 digits before the point: the sum of two fits as well


@dataclass(frozen=True, slots=True)
class Addition:
    """One addition: its id as 16 bytes, and the unscaled sum that its answer and the ledger must have."""

    request_id: bytes
    a: str
    b: str
    sum: int

    @property
    def id_text(self) -> str:
        """Return the id in canonical text."""
        return uuid_text(self.request_id)


@dataclass(frozen=True, slots=True)
class Draw:
    """Draws additions. Ids are UUIDs of version 8 (RFC 9562): the run's tag, then 74 random bits."""

    tag: bytes
    rng: random.Random

    @classmethod
    def seeded(cls, tag: bytes, seed: int) -> Self:
        """Return a draw whose operands and choices a seed repeats; ids differ from run to run by the tag."""
        assert len(tag) == TAG_BYTES, f"a tag has {TAG_BYTES} bytes"
        return cls(tag, random.Random(seed))

    def next(self) -> Addition:
        """Return a new addition."""
        raw = bytearray(self.tag + self.rng.randbytes(16 - TAG_BYTES))
        raw[6] = raw[6] & 0x0F | 0x80
        raw[8] = raw[8] & 0x3F | 0x80
        a, b = self._operand(), self._operand()
        return Addition(bytes(raw), text_of(a), text_of(b), a + b)

    def _operand(self) -> int:
        value = self.rng.randrange(-OPERAND_UNITS_MAX * UNIT, OPERAND_UNITS_MAX * UNIT)
        return value * self.rng.randrange(1, LONG_FACTOR_MAX) if self.rng.random() < LONG_SHARE else value
