"""Benches one after another: one that fails is reported and does not hide the others."""

import sys
import traceback
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from benchmarks.results import Comparison


class ReportedError(Exception):
    """Benches on one stack failed and were reported; raised so that the stack keeps its data."""


@dataclass
class Suite:
    """What was measured, and the names of the benches that failed."""

    comparisons: list[Comparison] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    @contextmanager
    def attempt(self, *names: str) -> Iterator[None]:
        """Run what these benches need; a failure is printed, and none of those whose figures are missing passes."""
        try:
            yield
        except ReportedError:
            pass
        except Exception:  # noqa: BLE001 - whatever it is, the others are measured
            print(f"bench {', '.join(names)} failed:", file=sys.stderr)
            traceback.print_exc()
            self.failed += [name for name in names if name not in self.failed]

    def check(self, names: Iterable[str]) -> None:
        """Raise ReportedError when one of these failed."""
        failed = [name for name in names if name in self.failed]
        if failed:
            raise ReportedError(", ".join(failed))
