"""What a load says at its end, for a person and for a program."""

from tally.cli.loading.loading import LoadReport
from tally.cli.loading.rejects import RejectsFile


def summary(report: LoadReport, source_id: str, rejects: RejectsFile) -> dict[str, object]:
    """Return the report as JSON types; sums are text."""
    return {
        "rows": report.rows,
        "acknowledged": report.acknowledged,
        "duplicates": report.duplicates,
        "rejected": report.rejected,
        "refused": report.refused,
        "unknown": report.unknown,
        "unanswered": report.unanswered,
        "sum": report.sum,
        "complete": report.complete,
        "source_id": source_id,
        "rejects_file": str(rejects.path) if rejects.count else None,
        "positions": {str(partition): place.offset for partition, place in sorted(report.positions.items())},
    }


def table(report: LoadReport, source_id: str, rejects: RejectsFile) -> str:
    """Return the report as a table of a few lines."""
    known = f"{report.duplicates:,} of them known to the producer (the ledger recognises every repetition)"
    lines: list[tuple[str, str, str]] = [
        ("rows", f"{report.rows:,}", "" if report.complete else "so far"),
        ("acknowledged", f"{report.acknowledged:,}", known),
        ("rejected", f"{report.rejected:,}", f"see {rejects.shown}" if report.rejected else ""),
        ("refused", f"{report.refused:,}", f"see {rejects.shown}" if report.refused else ""),
        ("unknown", f"{report.unknown:,}", ""),
    ]
    if report.unanswered:
        lines.append(("on their way", f"{report.unanswered:,}", "no answer yet when the load ended"))
    lines.append(("sum", report.sum, "of all that is acknowledged"))
    lines.append(("source id", source_id, ""))
    width = max(len(value) for _, value, _ in lines[:-2])
    return "\n".join(f"{name:<13} {value:>{width}}  {note}".rstrip() for name, value, note in lines)
