"""What happened when: the faults, and figures each second, as one HTML page that needs nothing else."""

import html
import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from loadtests.reporting.charts import STYLE, line_chart

_STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px; padding: 0 1rem; color: #1c2430 }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .2rem .6rem; vertical-align: top }
tr:nth-child(even) { background: #f3f5f8 } .bad { color: #b3261e } .good { color: #1b6e3c }
pre { background: #f3f5f8; padding: 1rem; overflow-x: auto }
"""


@dataclass(frozen=True, kw_only=True)
class Sample:
    """The state at a second. All counts since the start; ``counted`` is None while no replica answers."""

    at_s: float
    acknowledged: int
    unknown: int
    counted: int | None


@dataclass(frozen=True, kw_only=True)
class Happening:
    """A fault: from when to when, and what it did."""

    name: str
    began_s: float
    ended_s: float
    what: str


@dataclass
class Timeline:
    """Everything that was noted."""

    samples: list[Sample] = field(default_factory=list)
    faults: list[Happening] = field(default_factory=list)


def rates(samples: Sequence[Sample]) -> list[float]:
    """Return additions acknowledged a second, at each sample but the first."""
    return [
        (after.acknowledged - before.acknowledged) / max(after.at_s - before.at_s, 0.001)
        for before, after in itertools.pairwise(samples)
    ]


def lags(samples: Sequence[Sample]) -> list[float | None]:
    """Return how many acknowledged additions are not shown as counted, None where no replica answered.

    Acknowledged are answers and counted are ids, so repeated ids make it a little too large."""
    return [None if each.counted is None else max(0, each.acknowledged - each.counted) for each in samples]


def page(timeline: Timeline, *, title: str, verdict: str, clean: bool) -> str:
    """Return the report."""
    samples, faults = timeline.samples, timeline.faults
    times = [sample.at_s for sample in samples]
    bands = [(each.began_s, each.ended_s, f"{each.name}: {each.what}") for each in faults]
    waiting = [(at_s, float(lag)) for at_s, lag in zip(times, lags(samples), strict=True) if lag is not None]
    unknown = [(sample.at_s, float(sample.unknown)) for sample in samples]
    rows = "".join(
        f"<tr><td>{each.began_s:.1f}</td><td>{each.ended_s - each.began_s:.1f}</td>"
        f"<td>{html.escape(each.name)}</td><td>{html.escape(each.what)}</td></tr>"
        for each in faults
    )
    charts = (
        line_chart("Acknowledged", "additions a second", {"": [*zip(times[1:], rates(samples), strict=True)]}, bands),
        line_chart("Acknowledged and not yet counted", "additions", {"": waiting}, bands),
        line_chart("Unknown", "additions in all", {"": unknown}, bands),
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{_STYLE}{STYLE}</style></head><body><h1>{html.escape(title)}</h1>"
        f'<pre class="{"good" if clean else "bad"}">{html.escape(verdict)}</pre>{"".join(charts)}'
        f"<h2>{len(faults)} faults</h2><table><tr><th>at, s</th><th>took, s</th><th>fault</th><th>what</th></tr>{rows}"
        f"</table></body></html>"
    )
