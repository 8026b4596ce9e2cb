"""The report of a run: one HTML page that needs nothing else, a JSON summary, and the seconds as JSON lines."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from html import escape
from pathlib import Path
from typing import Any, Final

from loadtests.judging.verdict import FAULTS
from loadtests.reporting.charts import STYLE, line_chart
from loadtests.run import Result, summary_of
from loadtests.traffic.measures import Second
from tally.base.hints import hint
from tally.base.written_file import write_file

_STYLE: Final = """
body{font:15px/1.45 system-ui,sans-serif;max-width:900px;margin:24px auto;padding:0 12px;color:#1e293b}
table{border-collapse:collapse;margin:8px 0 20px}td,th{padding:2px 14px 2px 0;text-align:left;vertical-align:top}
td:nth-child(n+2){font-variant-numeric:tabular-nums}.good{background:#dcfce7}.bad{background:#fee2e2}
.good,.bad{padding:10px 14px;border-radius:6px}code{font-size:13px}
"""


def write(result: Result) -> Path:
    """Write ``report.html``, ``summary.json`` and ``seconds.jsonl`` into the run's folder; return the page."""
    folder = result.plan.folder
    summary = summary_of(result)
    write_file(folder / "summary.json", json.dumps(summary, indent=2) + "\n")
    lines = "".join(json.dumps(asdict(second)) + "\n" for second in result.load.seconds)
    write_file(folder / "seconds.jsonl", lines)
    page = folder / "report.html"
    write_file(page, page_of(summary, result.load.seconds))
    return page


def write_table(folder: Path, table: str) -> str:
    """Write the table of several runs into their folder, and return it."""
    write_file(folder / "table.md", table + "\n")
    return table


def headline(summary: Mapping[str, Any]) -> str:
    """Return the verdict in one line: lost and doubled always, the rest where it is not 0."""
    verdict = summary["verdict"]
    if verdict is None:
        return "no verdict: the target was an empty handler"
    digest = verdict["digest"]
    faults = ", ".join(f"{name.replace('_', ' ')} {verdict[name]}" for name in FAULTS[:2])
    more = "".join(f", {name.replace('_', ' ')} {verdict[name]}" for name in FAULTS[2:] if verdict[name])
    word = "HOLDS" if verdict["holds"] else "BROKEN"
    if verdict["holds"] and not verdict.get("proven", True):
        word = "HOLDS AS FAR AS LOOKED UP"  # by a k6 alone, while others added or outcomes were unknown
    return (
        f"verdict {word}: {faults}{more}; {digest['acked']:,} acknowledged, {digest['unknown']:,} unknown "
        f"({verdict['unknown_counted']:,} of them counted), {verdict['counted']:,} counted"
    )


def verdict_lines(summary: Mapping[str, Any]) -> list[str]:
    """Return the verdict, what is wrong, and the thresholds that were crossed."""
    verdict = summary["verdict"] or {}
    lines = [headline(summary)]
    lines += [f"  {problem}" for problem in verdict.get("problems", [])]
    lines += [f"  {name}: {', '.join(ids)}" for name, ids in verdict.get("examples", {}).items()]
    lines.append(f"thresholds: {'; '.join(summary['broken'])} CROSSED" if summary["broken"] else "thresholds: all kept")
    return lines


def text_of(summary: Mapping[str, Any]) -> str:
    """Return what the terminal shows."""
    figures = summary["figures"]
    lines = [*verdict_lines(summary), ""]
    lines += [f"  {name:24} {value:>14,.6g}" for name, value in figures.items()]
    lines += ["", *(f"  {name:32} {count:>8,}" for name, count in summary["codes"].items())]
    lines += [f"  UNEXPECTED {name}: {count:,}" for name, count in summary["unexpected"].items()]
    cores = ", ".join(f"{part} {used:.2f}" for part, used in summary["cpu_cores"].items())
    lines += ["", f"cores used: {cores}", *(f"warning: {each}" for each in summary["warnings"])]
    return "\n".join(lines)


def page_of(summary: Mapping[str, Any], seconds: Sequence[Second]) -> str:
    """Return the page."""
    good = summary["exit_code"] == 0
    cores = sorted({part for second in seconds for part in second.cpu})
    answered = [second for second in seconds if second.add_p50_ms]  # a second without an answer has no latency
    kept = "; ".join(summary["broken"]) + " crossed" if summary["broken"] else "all thresholds kept"
    body = [
        f"<h1>Tally under load: {escape(summary['profile'])}</h1>",
        f'<p class="{"good" if good else "bad"}"><b>{escape(headline(summary))}</b><br>{escape(kept)}</p>',
        *(f'<p class="bad">{escape(each)}</p>' for each in (summary["verdict"] or {}).get("problems", [])),
        *(f'<p class="bad">{escape(each)}</p>' for each in summary["warnings"]),
        _chart("The ramp", "users, or calls due a second", seconds, {"target": "target", "under way": "in_flight"}),
        _chart("Latency of Add", "ms", answered, {"p50": "add_p50_ms", "p95": "add_p95_ms", "p99": "add_p99_ms"}),
        _chart("Calls", "a second", seconds, {"answered": "calls", "unexpected": "unexpected", "dropped": "dropped"}),
        line_chart(
            "Processors", "cores in use", {part: [(s.at_s, s.cpu.get(part, 0.0)) for s in seconds] for part in cores}
        ),
        _chart("The generator itself", "ms late", seconds, {"event loop": "loop_lag_ms"}),
        "<h2>Figures</h2>", _table(summary["figures"].items()),
        "<h2>Answers by code</h2>", _table(summary["codes"].items()),
        "<h2>Unexpected answers</h2>", _table(summary["unexpected"].items()),
        "<h2>Thresholds</h2>", _table((each, _kept(each, summary["broken"])) for each in summary["thresholds"]),
        "<h2>Verdict</h2>", _table(_verdict_rows(summary["verdict"])),
        "<h2>Slowest sampled iterations</h2>",
        f"<p><code>{hint('run tally trace ID')}</code> shows a trace while <code>{hint('observe')}</code> runs.</p>",
        _table((f"{s['name']} {s['duration_ms']:g} ms", s["trace_id"]) for s in summary["slowest_traced"]),
        "<h2>Machine</h2>",
        _table([("started", summary["started_at"]), ("seed", summary["seed"]), *summary["machine"].items()]),
    ]  # fmt: skip
    title = f"Tally load: {escape(summary['profile'])}"
    head = f'<meta charset="utf-8"><title>{title}</title><style>{_STYLE}{STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(body)}</body></html>\n'


def _chart(title: str, unit: str, seconds: Sequence[Second], lines: Mapping[str, str]) -> str:
    return line_chart(
        title, unit, {name: [(s.at_s, float(getattr(s, field))) for s in seconds] for name, field in lines.items()}
    )


def _kept(threshold: str, broken: Sequence[str]) -> str:
    return next(
        (f"crossed: {each.removeprefix(threshold)[2:]}" for each in broken if each.startswith(threshold)), "kept"
    )


def _verdict_rows(verdict: Mapping[str, Any] | None) -> Iterable[tuple[str, object]]:
    """Return the counts, what the digest says, and some ids of each fault, as rows."""
    for name, value in (verdict or {}).items():
        if name == "digest":
            yield from value.items()
        elif name == "examples":
            yield from ((f"{fault}, some of them", ", ".join(ids)) for fault, ids in value.items())
        elif name != "problems":  # they stand on top
            yield name, value


def _table(rows: Iterable[tuple[str, object]]) -> str:
    cells = "".join(f"<tr><td>{escape(name)}</td><td>{escape(_shown(value))}</td></tr>" for name, value in rows)
    return f"<table>{cells}</table>" if cells else "<p>none</p>"


def _shown(value: object) -> str:
    return f"{value:,.6g}" if isinstance(value, int | float) and not isinstance(value, bool) else str(value)
