"""What became of records, counted: of a prefix of a ledger, of a whole ledger, of all of them."""

from dataclasses import asdict, dataclass

import numpy as np

from tally.event.codes import CONFLICT, COUNTED, DUPLICATE, MARK, POISON
from tally.event.decimals import text_of
from tally.event.int128 import exact_sum
from tally.event.rows import Rows


@dataclass(frozen=True, slots=True)
class Counts:
    """Rows by kind, and the sum of the COUNTED ones: ``total`` is unscaled (times 10**9) and of any size."""

    counted: int = 0
    duplicates: int = 0
    conflicts: int = 0
    poison: int = 0
    total: int = 0

    @property
    def rows(self) -> int:
        """How many there are of all kinds."""
        return self.counted + self.duplicates + self.conflicts + self.poison

    def document(self) -> dict[str, int | str]:
        """Return them for a JSON document, ``total`` as decimal text."""
        return {**asdict(self), "total": text_of(self.total)}

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.counted + other.counted,
            self.duplicates + other.duplicates,
            self.conflicts + other.conflicts,
            self.poison + other.poison,
            self.total + other.total,
        )


def counts_of(rows: Rows) -> Counts:
    """Count classified rows; asserts that no other kind is among them."""
    kinds = np.bincount(rows["kind"], minlength=MARK)
    assert len(kinds) == MARK, f"kind {len(kinds) - 1} is not a row's"
    counted, duplicates, conflicts, poison = (int(kinds[kind]) for kind in (COUNTED, DUPLICATE, CONFLICT, POISON))
    return Counts(counted, duplicates, conflicts, poison, exact_sum(rows["sum"][rows["kind"] == COUNTED]))
