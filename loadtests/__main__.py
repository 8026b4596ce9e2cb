"""``python -m loadtests``: load tests whose verdict is the truth (`just load`, `just load-compare`)."""

import argparse
import math
import os
import secrets
import sys
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console

from benchmarks.system import empty_server
from loadtests import k6_run, report, suite
from loadtests.compare import comparison, summary_at
from loadtests.crosscheck import GHZ, Seen, agree, in_turns, seen_by_ghz, seen_by_ours, steady, table_of
from loadtests.errors import LoadError, UsageError
from loadtests.profiles import PROFILES
from loadtests.report import headline
from loadtests.run import EXIT_OK, EXIT_THRESHOLD, EXIT_VERDICT, Plan, Result, run, summary_of
from loadtests.target import Target
from stack.__main__ import say, settings_of_checkout, stack_of
from stack.errors import StackError
from stack.fetch import downloads, go_programs
from stack.parts.engines import endpoints
from stack.parts.names import STAYING
from stack.system import engines_of
from tally.base.settings import SettingsError
from tally.base.written_file import write_file

_FOLDER: Final = Path("build") / "load"
_EXIT_USAGE: Final = 2
_EXIT_INTERRUPTED: Final = 130


def running_system() -> Target:
    """Return the system that the settings describe, with the processes of its native parts. Raises StackError."""
    stack = stack_of(settings_of_checkout())
    observed = endpoints(stack.ports) if engines_of(stack).running() else {}
    pids: dict[str, int] = {part: pid for part in STAYING if (pid := stack.pid(part)) is not None}
    return Target(
        grpc=stack.grpc_target,
        rest=stack.rest_url,
        kafka=stack.bootstrap_servers,
        registry=stack.registry_url,
        traces=observed.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        pids=pids,
    )


def load(options: argparse.Namespace) -> int:
    """Run a profile, or all, against the running system; exit 1 when a verdict is broken, 99 when a threshold is."""
    if options.k6:
        return load_by_k6(options)
    steps = suite.steps_of(options.profile, limit=options.limit)
    system = running_system()
    folder = options.folder or _FOLDER / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{options.profile}"
    summaries: list[suite.Summary] = []
    try:
        for step in steps:
            place = folder / step.name if len(steps) > 1 else folder
            summaries += [_run(step, system, place, options)]
    finally:
        if len(steps) > 1 and summaries:
            table = suite.table_of(summaries)
            write_file(folder / "table.md", table + "\n")
            print(f"\n{table}")
    return suite.exit_code_of(summaries)


def load_by_k6(options: argparse.Namespace) -> int:
    """Run a profile by the user's k6; the exit code means the same."""
    if options.limit:
        raise UsageError("--limit is not to be had with --k6: it runs our own generator against an empty handler")
    k6, profile = k6_run.k6_for(options.profile, os.environ)
    folder = options.folder or _FOLDER / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{profile.name}-k6"
    plan = k6_run.K6Plan(
        profile=profile, target=running_system(), folder=folder, seed=options.seed, time_scale=options.time_scale,
        traced_share=options.traced_share, drain_s=options.drain_s,
    )  # fmt: skip
    summary = k6_run.run(plan, k6)
    print("\n".join(["The ledger says:", *report.verdict_lines(summary)]))
    return int(summary["exit_code"])


def _run(step: suite.Step, system: Target, folder: Path, options: argparse.Namespace) -> suite.Summary:
    profile = PROFILES[step.profile].lasting(options.time_scale)
    plan = Plan(
        profile=profile, target=system, folder=folder, seed=options.seed, traced_share=options.traced_share,
        drain_s=options.drain_s, limit=step.limit,
    )  # fmt: skip
    print(f"{step.name}: {profile.meaning}; {profile.duration_s:.0f} s at most, seed {plan.seed}", file=sys.stderr)
    with empty_server() if step.limit else nullcontext() as empty:
        if empty is not None:
            plan = replace(plan, target=replace(system, grpc=empty[0], pids={"empty handler": empty[1]}))
        result = run(plan)
    page, summary = _kept(result)
    print(report.text_of(summary))
    print(f"\nreport: {page}")
    return summary


def _kept(result: Result) -> tuple[Path, suite.Summary]:
    """Write what stays of a run; return its page and its summary."""
    page = report.write(result)
    if result.verdict is None or result.verdict.holds:
        (result.plan.folder / "outcomes.bin").unlink()  # kept only where somebody has to find out what was lost
    return page, summary_of(result)


def check(options: argparse.Namespace) -> int:
    """Measure the latency of Add at one rate with our client and with ghz, in turns; exit 99 when they disagree.

    Exit 1 when the verdict on a round of ours is broken, whatever the latencies are.
    """
    system = running_system()
    ghz = go_programs.ensure(GHZ, downloads.default_folder(), say)
    folder = _FOLDER / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-check"
    summaries: list[suite.Summary] = []

    def ours(number: int) -> Seen:
        plan = Plan(profile=steady(options.rate, options.seconds), target=system, folder=folder / f"{number}",
                    seed=number, traced_share=0.0)  # fmt: skip
        result = run(plan)
        summaries.append(_kept(result)[1])
        return seen_by_ours(result)

    def theirs(number: int) -> Seen:
        return seen_by_ghz(ghz, system.grpc, options.rate, options.seconds, folder / "contract.protoset")

    folder.mkdir(parents=True)
    table, ratio = table_of(in_turns(options.rounds, [ours, theirs]))
    print("\n".join([table, *map(headline, summaries), f"\nreports: {folder}"]))
    if any(each["exit_code"] != EXIT_OK for each in summaries):
        return EXIT_VERDICT
    return EXIT_OK if agree(ratio) else EXIT_THRESHOLD


def compare(options: argparse.Namespace) -> int:
    """Show two runs side by side."""
    table, notes = comparison(summary_at(options.a), summary_at(options.b))
    console = Console()
    console.print(table)
    for note in notes:
        console.print(note, highlight=False)
    return EXIT_OK


def arguments() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    names = "; ".join(f"{each.name}: {each.meaning}" for each in PROFILES.values())
    parser = argparse.ArgumentParser(prog="python -m loadtests", description=__doc__, epilog=names)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    one = commands.add_parser("run", help=load.__doc__, epilog=names)
    one.set_defaults(action=load)
    one.add_argument("profile", nargs="?", default="smoke", metavar="PROFILE", help=", ".join([*PROFILES, suite.ALL]))
    one.add_argument("--seed", type=int, default=secrets.randbelow(10**6), help="repeats operands and choices")
    one.add_argument("--time-scale", type=_positive, default=1.0, help="all durations times this")
    one.add_argument("--traced-share", type=_share, default=0.02, help="share of the iterations with a sampled trace")
    one.add_argument("--drain-s", type=_positive, default=60.0, help="longest wait for the ledger after the load")
    one.add_argument(
        "--limit", action="store_true", help="then the same against an empty handler: this machine's limit"
    )
    one.add_argument(
        "--k6", action="store_true", help="let the k6 on PATH, or the one that TALLY_K6 names, make the load"
    )
    one.add_argument("--folder", type=Path, help=f"where to write; a new one below {_FOLDER} when not given")
    other = commands.add_parser("check", help=check.__doc__)
    other.set_defaults(action=check)
    other.add_argument("--rate", type=_whole, default=200, help="additions a second")
    other.add_argument("--seconds", type=_whole, default=10, help="each round of each client")
    other.add_argument("--rounds", type=int, default=3, choices=range(1, 11), metavar="1..10")
    two = commands.add_parser("compare", help=compare.__doc__)
    two.set_defaults(action=compare)
    two.add_argument("a", type=Path, metavar="A", help="folder of a run")
    two.add_argument("b", type=Path, metavar="B", help="folder of another")
    return parser


def _positive(text: str) -> float:
    value = _number(text)
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number above 0")
    return value


def _whole(text: str) -> int:
    """Return a whole number above 0: ghz takes no other, and 0 means without a limit to it."""
    if not text.isdecimal() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return int(text)


def _share(text: str) -> float:
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def _number(text: str) -> float:
    """Return a number, or one that no range has."""
    try:
        return float(text)
    except ValueError:
        return math.nan


def main() -> int:
    """Run one command and return its exit code: 0 good, 1 verdict or trouble, 2 usage, 99 threshold."""
    options = arguments().parse_args()
    try:
        return int(options.action(options))
    except (SettingsError, UsageError) as error:
        print(error, file=sys.stderr)
        return _EXIT_USAGE
    except (LoadError, StackError) as error:
        print(error, file=sys.stderr)
        return EXIT_VERDICT
    except KeyboardInterrupt:
        return _EXIT_INTERRUPTED


if __name__ == "__main__":
    sys.exit(main())
