"""What must come out, computed from the file alone: shares no code with the client nor with the services."""

import csv
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation, localcontext
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Truth:
    """The file's rows, those with both numbers, and their sum."""

    rows: int
    usable: int
    total: Decimal

    @property
    def rejects(self) -> int:
        """Return the number of rows without both numbers."""
        return self.rows - self.usable


def truth_of(path: Path, column_a: str, column_b: str) -> Truth:
    """Return the truth of a CSV file."""
    rows = usable = 0
    with localcontext(prec=60) as exact, path.open(encoding="utf-8", newline="") as file:
        total = Decimal(0)
        for record in csv.DictReader(file):
            rows += 1
            try:
                both = exact.create_decimal(record[column_a]) + exact.create_decimal(record[column_b])
            except InvalidOperation:
                continue
            if both.is_finite():
                usable += 1
                total += both
    return Truth(rows, usable, total)
