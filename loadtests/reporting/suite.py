"""Several runs in a row and one table of them: `just load all`, and a profile beside its limit. No I/O."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from loadtests.errors import UsageError
from loadtests.run import EXIT_OK, EXIT_THRESHOLD, EXIT_VERDICT
from loadtests.traffic.profiles import PROFILES, profile_called

ALL: Final = "all"
_LEFT_OUT: Final = ("soak",)  # an hour
_HEAD: Final = (
    "run", "exit", "lost", "doubled", "acknowledged", "unexpected", "calls/s, best 5 s", "Add p50 / p95 / p99, ms",
    "cores: generator, producer, broker, consumer, others",
)  # fmt: skip
_CORES: Final = ("load", "producer", "kafka", "consumer", "others")

Summary = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Step:
    """One run. ``limit``: against an empty handler instead of the system."""

    profile: str
    limit: bool = False

    @property
    def name(self) -> str:
        """Return what its folder is called."""
        return f"{self.profile}-limit" if self.limit else self.profile


def steps_of(name: str, *, limit: bool) -> tuple[Step, ...]:
    """Return the runs of a profile, or of all but the soak; with a limit those beside it. Raises UsageError."""
    if name == ALL:
        if limit:
            raise UsageError(f"--limit goes with one profile; {ALL} has breakpoint's already")
        return tuple(
            step for each in PROFILES if each not in _LEFT_OUT for step in steps_of(each, limit=each == "breakpoint")
        )
    profile = profile_called(name, ALL)
    if not limit:
        return (Step(name),)
    if any(operation != "add" for operation, _ in profile.weights):
        raise UsageError(f"--limit goes with a profile that only adds (breakpoint), and {name} does more")
    return (Step(name), Step(name, limit=True))


def exit_code_of(summaries: Sequence[Summary]) -> int:
    """Return 1 when a verdict is broken, else 99 when a threshold is.

    Among several runs one that looks for its breakpoint may find it; alone it says so by 99.
    """
    codes = [each["exit_code"] for each in summaries]
    if EXIT_VERDICT in codes:
        return EXIT_VERDICT
    counted = [code for code, each in zip(codes, summaries, strict=True) if not _searches(each) or len(codes) == 1]
    return EXIT_THRESHOLD if EXIT_THRESHOLD in counted else EXIT_OK


def table_of(summaries: Sequence[Summary]) -> str:
    """Return the runs as a table in Markdown, with what cannot be seen in it below."""
    lines = [_row(_HEAD), _row(["---"] * len(_HEAD)), *(_row(_cells(each)) for each in summaries), ""]
    for each in summaries:
        lines += [f"- {_title(each)}: {note}" for note in [*_notes(each), *each["warnings"]]]
    lines += _ratio(summaries)
    first = summaries[0]
    lines.append(f"- begun {first['started_at']}, seed {first['seed']}; {_versions(first['machine'])}")
    return "\n".join(lines)


def _cells(summary: Summary) -> list[str]:
    figures, verdict = summary["figures"], summary["verdict"]
    told = [str(verdict["lost"]), str(verdict["doubled"]), f"{verdict['digest']['acked']:,}"] if verdict else [""] * 3
    latencies = " / ".join(_short(figures.get(f"add_p{share}_ms", 0.0)) for share in (50, 95, 99))
    cores = ", ".join(f"{summary['cpu_cores'][part]:.2f}" if part in summary["cpu_cores"] else "-" for part in _CORES)
    return [
        _title(summary), str(summary["exit_code"]), *told, f"{figures['unexpected_share']:.2%}",
        f"{figures['calls_per_s_best_5_s']:,.0f}", latencies, cores,
    ]  # fmt: skip


def _notes(summary: Summary) -> list[str]:
    figures = summary["figures"]
    notes = [f"crossed {'; '.join(summary['broken'])}"] if summary["broken"] else []
    if "held_calls_per_s" in figures:
        notes.append(f"held {figures['held_calls_per_s']:,.0f} calls/s with a p99 of {figures['held_add_p99_ms']:g} ms")
    if "visible_p50_ms" in figures:
        told = " / ".join(f"{figures[f'visible_p{share}_ms']:g}" for share in (50, 95, 99))
        notes.append(f"visible after {told} ms (p50 / p95 / p99)")
    if "topic_records" in figures:
        names = ("topic_records", "topic_missing", "topic_wrong", "poison_sent", "poison_unjudged")
        notes.append(", ".join(f"{name.replace('_', ' ')} {figures[name]:,.0f}" for name in names))
    return notes


def _ratio(summaries: Sequence[Summary]) -> list[str]:
    """Return what a system held beside what the empty handler held, where both were run."""
    held: dict[tuple[str, bool], float] = {
        (each["profile"], each["limit"]): each["figures"].get("held_calls_per_s", 0.0) for each in summaries
    }
    return [
        f"- {profile}: {calls:,.0f} of the empty handler's {held[profile, True]:,.0f} calls/s: "
        f"{calls / held[profile, True]:.0%}"
        for (profile, limit), calls in held.items()
        if not limit and held.get((profile, True))
    ]


def _searches(summary: Summary) -> bool:
    return PROFILES[summary["profile"]].abort


def _title(summary: Summary) -> str:
    return f"{summary['profile']}, empty handler" if summary["limit"] else str(summary["profile"])


def _versions(machine: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in machine.items())


def _short(ms: float) -> str:
    return f"{ms:,.0f}" if ms >= 100 else f"{ms:.3g}"


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
