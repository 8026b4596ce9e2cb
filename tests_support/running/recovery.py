"""How long it took until a system worked again: told by tests in one form, and shown at the end of a run by fault.

A test asserts no time. It tells it, its report carries what it printed, and the run's last words are a table with a row
for each row of docs/FAULTS.md whose test ran: how often the fault was made, what was seen, and after how long it worked
again. A case whose set-up or tear-down fails has failed. What a failed or skipped test says is elsewhere in the output.
"""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Protocol

from tests_support.checkout import text_of

ROW = re.compile(
    r"^\| (?P<fault>[^|]+) \| (?P<made>[^|]+) \| `(?P<path>tests/[\w/]+\.py)::(?P<test>test_\w+)` \| "
    r"(?P<holds>[^|]+) \|$"
)
"""A row of the catalogue: fault, how it is made, the test, the invariants that hold."""
_TOLD = re.compile(r"^recovery: (?P<what>.+) (?P<took_s>\d+\.\d\d) s$", re.MULTILINE)


def recovered(what: str, took_s: float) -> None:
    """Tell after how many seconds something worked again, or was answered."""
    print(f"recovery: {what} {took_s:.2f} s")


class Report(Protocol):
    """What is read of pytest's report of one phase of a test."""

    @property
    def nodeid(self) -> str: ...

    @property
    def outcome(self) -> str: ...

    @property
    def when(self) -> str | None: ...

    @property
    def capstdout(self) -> str: ...


@dataclass
class _Runs:
    outcomes: dict[str, str] = field(default_factory=dict)
    """By case of the test."""
    told: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))


def catalogue() -> Iterator[re.Match[str]]:
    """Yield the rows of docs/FAULTS.md that name a test."""
    for line in (text_of("docs/FAULTS.md") or "").splitlines():
        if (row := ROW.match(line)) is not None:
            yield row


def table(reports: Iterable[Report]) -> list[str]:
    """Return the lines of a Markdown table over the faults whose tests are among the reports; none for none."""
    runs: dict[str, _Runs] = defaultdict(_Runs)
    for report in reports:
        if report.when == "call" or report.outcome != "passed":
            run = runs[report.nodeid.partition("[")[0]]
            if run.outcomes.get(report.nodeid) != "failed":
                run.outcomes[report.nodeid] = report.outcome
            # The report of a tear-down has once more what the call printed.
            for told in _TOLD.finditer(report.capstdout if report.when == "call" else ""):
                run.told[told["what"]].append(float(told["took_s"]))
    rows = [_line(row["fault"], runs[name]) for row in catalogue() if (name := f"{row['path']}::{row['test']}") in runs]
    return ["| fault | cases | seen | works again after |", "|---|---|---|---|", *rows] if rows else []


def _line(fault: str, run: _Runs) -> str:
    seen_of = Counter(run.outcomes.values())
    others = [f"{seen_of[each]} {each}" for each in ("failed", "skipped") if seen_of[each]]
    seen = ", ".join(others) or "no invariant broke"
    times = "; ".join(f"{what} {_spread(took_s)}" for what, took_s in run.told.items())
    return f"| {fault} | {len(run.outcomes)} | {seen} | {times or '-'} |"


def _spread(took_s: list[float]) -> str:
    if len(took_s) == 1:
        return f"{took_s[0]:.1f} s"
    return f"{min(took_s):.1f} to {max(took_s):.1f} s, median of {len(took_s)} {median(took_s):.1f} s"
