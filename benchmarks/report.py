"""The table on the screen and the file of a run."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.results import Comparison, Sample, median, medians_of_details, spread
from tally.base.written_file import write_file


def show(console: Console, machine: Mapping[str, str], comparisons: Sequence[Comparison]) -> None:
    """Print machine, table and notes."""
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), style="dim")
    table = Table(title="Tally beside the limits of this machine, medians (smallest to largest)")
    for column in ("bench", "unit", "Tally", "limit", "ratio", "target", ""):
        table.add_column(column, justify="right" if column in ("Tally", "limit", "ratio", "target") else "left")
    for each in comparisons:
        table.add_row(
            each.name,
            each.unit,
            _figure(each.subject_samples),
            _figure(each.limit_samples),
            each.target.shown(each.ratio),
            str(each.target),
            "reached" if each.reached else "missed",
        )
    console.print(table)
    for each in comparisons:
        console.print(f"[bold]{each.name}[/bold]: {each.subject}; limit: {each.limit}", highlight=False)
        for side, samples in (("Tally", each.subject_samples), ("limit", each.limit_samples)):
            details = ", ".join(f"{name} {value:,.1f}" for name, value in medians_of_details(samples).items())
            if details:
                console.print(f"  {side}: {details}", highlight=False)
        for note in each.notes:
            console.print(f"  {note}", highlight=False)


def write(directory: Path, machine: Mapping[str, str], comparisons: Sequence[Comparison]) -> Path:
    """Write the run as JSON below ``directory`` and return the file."""
    directory.mkdir(parents=True, exist_ok=True)
    now = datetime.now(UTC)
    path = directory / f"{now:%Y%m%dT%H%M%SZ}.json"
    body = {
        "at": now.isoformat(timespec="seconds"),
        "machine": dict(machine),
        "benches": [_entry(each) for each in comparisons],
    }
    write_file(path, json.dumps(body, indent=2) + "\n")
    return path


def _entry(each: Comparison) -> dict[str, object]:
    medians = {"subject_median": median(each.subject_samples), "limit_median": median(each.limit_samples)}
    return asdict(each) | medians | {"ratio": each.ratio, "target": str(each.target), "reached": each.reached}


def _figure(samples: Sequence[Sample]) -> str:
    low, high = spread(samples)
    return f"{_number(median(samples))} ({_number(low)} to {_number(high)})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
