"""Two runs side by side: `just load-compare A B`."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.table import Table

from loadtests.errors import LoadError
from loadtests.reporting.report import headline
from tally.base.hints import hint


def summary_at(path: Path) -> Mapping[str, Any]:
    """Return the summary of a run's folder, or of a summary file. Raises LoadError."""
    file = path / "summary.json" if path.is_dir() else path
    try:
        body: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise LoadError(f"{path} is not a run of `{hint('load')}` ({error}): name a folder below build/load") from error
    return body


def comparison(first: Mapping[str, Any], second: Mapping[str, Any]) -> tuple[Table, list[str]]:
    """Return the figures of both with B / A, and what the reader must know of the two."""
    table = Table(title=f"A: {first['profile']} {first['started_at']}   B: {second['profile']} {second['started_at']}")
    for column in ("figure", "A", "B", "B / A"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    cores = [{f"cores of {part}": used for part, used in each["cpu_cores"].items()} for each in (first, second)]
    figures = [first["figures"] | cores[0], second["figures"] | cores[1]]
    for name in [*figures[0], *(name for name in figures[1] if name not in figures[0])]:
        a, b = figures[0].get(name), figures[1].get(name)
        ratio = f"{b / a:.2f}" if a and b is not None else ""
        table.add_row(name, _number(a), _number(b), ratio)
    notes = [f"A: {headline(first)}", f"B: {headline(second)}"]
    if first["profile"] != second["profile"]:
        notes.append(f"the profiles differ: {first['profile']} and {second['profile']}")
    notes += [
        f"the machines differ in {name}: {first['machine'].get(name)} and {value}"
        for name, value in second["machine"].items()
        if first["machine"].get(name) != value and name != "load before"
    ]
    return table, notes


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:,.6g}"
