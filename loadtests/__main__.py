"""``python -m loadtests``: load tests whose verdict is the truth (`just load`, `just load-compare`)."""

import os
import secrets
import sys
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click
from rich.console import Console

from benchmarks.system import empty_server
from loadtests.errors import LoadError, UsageError
from loadtests.external import crosscheck, k6_program, k6_run
from loadtests.reporting import report, suite
from loadtests.reporting.compare import comparison, summary_at
from loadtests.reporting.report import headline
from loadtests.run import EXIT_OK, EXIT_THRESHOLD, EXIT_VERDICT, Plan, Result, run, summary_of
from loadtests.running import running_system
from loadtests.target import Target
from loadtests.traffic.profiles import PROFILES, Profile
from stack import command_line
from stack.errors import StackError
from tally.base.settings import SettingsError

_FOLDER: Final = Path("build") / "load"
_NAMES: Final = "; ".join(f"{each.name}: {each.meaning}" for each in PROFILES.values())


@dataclass(frozen=True)
class LoadOptions:
    """How a profile is run."""

    profile: str
    seed: int
    time_scale: float
    traced_share: float
    drain_s: float
    limit: bool
    k6: bool
    folder: Path | None


@click.group(help=__doc__, epilog=_NAMES)
def program() -> None:
    """The group; its help is the module's."""


_POSITIVE: Final = click.FloatRange(min=0, min_open=True, max=1_000_000)
_WHOLE: Final = click.IntRange(min=1)
"""ghz takes whole numbers only, and reads 0 as no limit."""


@program.command("run", epilog=_NAMES)
@click.argument("profile", default="smoke")
@click.option(
    "--seed",
    type=int,
    default=lambda: secrets.randbelow(10**6),
    help="Repeat the operands and choices of an earlier run.",
)
@click.option("--time-scale", type=_POSITIVE, default=1.0, help="Multiply all durations by this.")
@click.option(
    "--traced-share", type=click.FloatRange(0, 1), default=0.02, help="Share of the iterations with a sampled trace."
)
@click.option("--drain-s", type=_POSITIVE, default=60.0, help="Longest wait for the ledger after the load, in seconds.")
@click.option("--limit", is_flag=True, help="Then run it against an empty handler: this machine's limit.")
@click.option("--k6", is_flag=True, help="Let the k6 on PATH, or the one that TALLY_K6 names, make the load.")
@click.option(
    "--folder", type=click.Path(path_type=Path), help=f"Where to write; by default a new folder below {_FOLDER}."
)
def run_command(**options: Any) -> int:
    """Run a profile, or all, against the running system; exit 1 when a verdict is broken, 99 when a threshold is."""
    return load(LoadOptions(**options))


def load(options: LoadOptions) -> int:
    """Run a profile, or all; return the exit code."""
    if options.k6:
        return load_by_k6(options)
    steps = suite.steps_of(options.profile, limit=options.limit)
    system = running_system()
    folder = options.folder or _new_folder(options.profile)
    summaries: list[suite.Summary] = []
    try:
        for step in steps:
            place = folder / step.name if len(steps) > 1 else folder
            summaries += [_run(step, system, place, options)]
    finally:
        if len(steps) > 1 and summaries:
            print(f"\n{report.write_table(folder, suite.table_of(summaries))}")
    return suite.exit_code_of(summaries)


def load_by_k6(options: LoadOptions) -> int:
    """Run a profile by the user's k6; the exit code means the same."""
    if options.limit:
        raise UsageError("--limit and --k6 exclude each other: --limit runs our own generator against an empty handler")
    k6, profile = k6_program.k6_for(options.profile, os.environ)
    folder = options.folder or _new_folder(f"{profile.name}-k6")
    summary = k6_run.run(_plan(options, profile, running_system(), folder), k6)
    print("\n".join(["The ledger says:", *report.verdict_lines(summary)]))
    return int(summary["exit_code"])


def _plan(options: LoadOptions, profile: Profile, system: Target, folder: Path, *, limit: bool = False) -> Plan:
    return Plan(
        profile=profile, target=system, folder=folder, seed=options.seed, time_scale=options.time_scale,
        traced_share=options.traced_share, drain_s=options.drain_s, limit=limit,
    )  # fmt: skip


def _new_folder(name: str) -> Path:
    return _FOLDER / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{name}"


def _run(step: suite.Step, system: Target, folder: Path, options: LoadOptions) -> suite.Summary:
    profile = PROFILES[step.profile]
    plan = _plan(options, profile, system, folder, limit=step.limit)
    duration_s = profile.duration_s * options.time_scale
    print(f"{step.name}: {profile.meaning}; {duration_s:.0f} s at most, seed {plan.seed}", file=sys.stderr)
    with empty_server() if step.limit else nullcontext() as empty:
        if empty is not None:
            plan = replace(plan, target=replace(system, grpc=empty[0], pids={"empty handler": empty[1]}))
        result = run(plan)
    page, summary = _kept(result)
    print(report.text_of(summary))
    print(f"\nreport: {page}")
    return summary


def _kept(result: Result) -> tuple[Path, suite.Summary]:
    """Write what is kept of a run; return its page and its summary."""
    page = report.write(result)
    if result.verdict is None or result.verdict.holds:
        (result.plan.folder / "outcomes.bin").unlink()  # kept only where somebody has to find out what was lost
    return page, summary_of(result)


@program.command()
@click.option("--rate", type=_WHOLE, default=200, help="Additions a second.")
@click.option("--seconds", type=_WHOLE, default=10, help="Length of each round of each client.")
@click.option("--rounds", type=click.IntRange(1, 10), default=3, metavar="1..10")
def check(rate: int, seconds: int, rounds: int) -> int:
    """Measure the latency of Add at one rate with our client and with ghz, in turns; exit 99 when they disagree.

    Exit 1 when the verdict on a round of ours is broken, whatever the latencies are.
    """
    system = running_system()
    ghz = crosscheck.ghz_program()
    folder = _new_folder("check")
    summaries: list[suite.Summary] = []

    def ours(number: int) -> crosscheck.Seen:
        plan = Plan(profile=crosscheck.steady(rate, seconds), target=system, folder=folder / f"{number}",
                    seed=number, traced_share=0.0)  # fmt: skip
        result = run(plan)
        summaries.append(_kept(result)[1])
        return crosscheck.seen_by_ours(result)

    def theirs(number: int) -> crosscheck.Seen:
        return crosscheck.seen_by_ghz(ghz, system.grpc, rate, seconds, folder / "contract.protoset")

    folder.mkdir(parents=True)
    table, ratio = crosscheck.table_of(crosscheck.in_turns(rounds, [ours, theirs]))
    print("\n".join([table, *map(headline, summaries), f"\nreports: {folder}"]))
    if any(each["exit_code"] != EXIT_OK for each in summaries):
        return EXIT_VERDICT
    return EXIT_OK if crosscheck.agree(ratio) else EXIT_THRESHOLD


@program.command()
@click.argument("a", type=click.Path(path_type=Path), metavar="A")
@click.argument("b", type=click.Path(path_type=Path), metavar="B")
def compare(a: Path, b: Path) -> int:
    """Show two runs side by side: A and B are their folders."""
    table, notes = comparison(summary_at(a), summary_at(b))
    console = Console(file=command_line.own_output())
    console.print(table)
    for note in notes:
        console.print(note, highlight=False)
    return EXIT_OK


def main() -> int:
    """Run one command and return its exit code: 0 good, 1 verdict or trouble, 2 usage, 99 threshold."""
    try:
        return command_line.run(program, "python -m loadtests")
    except (SettingsError, UsageError) as error:
        print(error, file=sys.stderr)
        return command_line.EXIT_USAGE
    except (LoadError, StackError) as error:
        print(error, file=sys.stderr)
        return EXIT_VERDICT


if __name__ == "__main__":
    sys.exit(main())
