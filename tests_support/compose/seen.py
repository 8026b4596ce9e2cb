"""What the tests of containers measure and do not judge: times, sizes, CPU. Printed once, behind the tests."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Self


class Seen:
    """Figures in the order in which they were seen."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(self, what: str, number: float, unit: str) -> None:
        """Keep one figure."""
        self._lines.append(f"  {what:<58}{number:>9.1f} {unit}")

    @classmethod
    @contextmanager
    def printed(cls) -> Iterator[Self]:
        """Yield an empty list, and print it in the end past pytest's capturing."""
        own = cls()
        try:
            yield own
        finally:
            if own._lines:
                print("\nmeasured in containers:", *own._lines, sep="\n", file=sys.__stdout__, flush=True)
