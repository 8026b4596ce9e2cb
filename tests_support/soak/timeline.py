"""What happened when: the faults, and figures each second, as one HTML page that needs nothing else."""

import html
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

WIDTH, HEIGHT, MARGIN = 1100, 150, 55
STYLE: Final = """
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 1200px; padding: 0 1rem; color: #1c2430 }
table { border-collapse: collapse; width: 100% } td, th { text-align: left; padding: .2rem .6rem; vertical-align: top }
tr:nth-child(even) { background: #f3f5f8 } .bad { color: #b3261e } .good { color: #1b6e3c } svg { display: block }
pre { background: #f3f5f8; padding: 1rem; overflow-x: auto } text { font-size: 11px; fill: #55606e }
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
    charts: list[tuple[str, Sequence[float], Sequence[float | None]]] = [
        ("acknowledged a second", times[1:], rates(samples)),
        ("acknowledged and not yet counted", times, lags(samples)),
        ("unknown, in all", times, [float(sample.unknown) for sample in samples]),
    ]
    rows = "".join(
        f"<tr><td>{each.began_s:.1f}</td><td>{each.ended_s - each.began_s:.1f}</td>"
        f"<td>{html.escape(each.name)}</td><td>{html.escape(each.what)}</td></tr>"
        for each in faults
    )
    drawn = "".join(f"<h2>{name}</h2>{_chart(at, values, faults)}" for name, at, values in charts)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{html.escape(title)}</h1>"
        f'<pre class="{"good" if clean else "bad"}">{html.escape(verdict)}</pre>{drawn}'
        f"<h2>{len(faults)} faults</h2><table><tr><th>at, s</th><th>took, s</th><th>fault</th><th>what</th></tr>{rows}"
        f"</table></body></html>"
    )


def _chart(times: Sequence[float], values: Sequence[float | None], faults: Sequence[Happening]) -> str:
    end_s = max([1.0, *times, *(each.ended_s for each in faults)])
    top = max([1.0, *(value for value in values if value is not None)])
    x: Callable[[float], float] = lambda at_s: MARGIN + at_s / end_s * (WIDTH - MARGIN)  # noqa: E731
    bands = "".join(
        f'<rect x="{x(each.began_s):.1f}" y="0" width="{max(1.5, x(each.ended_s) - x(each.began_s)):.1f}" '
        f'height="{HEIGHT}" fill="#d9480f" opacity="0.18">'
        f"<title>{html.escape(f'{each.name}: {each.what}')}</title></rect>"
        for each in faults
    )
    points = " ".join(
        f"{x(at_s):.1f},{HEIGHT - value / top * (HEIGHT - 12):.1f}"
        for at_s, value in zip(times, values, strict=True)
        if value is not None
    )
    return (
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT + 18}" width="100%" role="img">{bands}'
        f'<polyline points="{points}" fill="none" stroke="#1f5fbf" stroke-width="1.3"/>'
        f'<text x="0" y="12">{top:,.0f}</text><text x="0" y="{HEIGHT}">0</text>'
        f'<text x="{MARGIN}" y="{HEIGHT + 14}">0 s</text>'
        f'<text x="{WIDTH - 45}" y="{HEIGHT + 14}">{end_s:.0f} s</text></svg>'
    )
