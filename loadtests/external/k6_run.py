"""A profile run by the user's own k6: `just load PROFILE --k6`. What judges it is the ledger, by the run's ids.

k6 is a program of the user's, found on PATH or named by TALLY_K6; this project neither brings nor builds it. The script
(loadtests/main.js) writes a summary in the form of our own; here the verdict of the ledger takes the place of its own.
"""

import json
import os
import secrets
import shutil
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import describe
from loadtests import target
from loadtests.errors import LoadError, UsageError
from loadtests.judging.ledger_source import counted_rows, fetch_export
from loadtests.judging.verdict import Verdict, judge, judge_counts
from loadtests.run import CLOCKS_APART, EXIT_OK, EXIT_THRESHOLD, EXIT_VERDICT
from loadtests.target import Target, Total
from loadtests.traffic.additions import TAG_BYTES
from loadtests.traffic.outcomes import Digest
from loadtests.traffic.profiles import Profile, profile_called
from stack.system import ROOT
from tally.base.written_file import write_file

SCRIPT: Final = ROOT / "loadtests" / "main.js"
SCRIPT_WITH_EXTENSION: Final = ROOT / "loadtests" / "tally.js"
EXTENSION: Final = "k6/x/tally"

_VERSION_S: Final = 30.0
_GRACE_S: Final = 600.0  # after a profile's end: the last calls, the drain, the summary
_DRAIN_S_MAX: Final = 240.0  # what the script allows: its summary may take five minutes
_STOP_S: Final = 60.0
_SECOND_S: Final = 1.0
_EXIT_CODES: Final[Mapping[int, str]] = {
    99: "a threshold was crossed",
    100: "setup took too long",
    101: "teardown took too long",
    104: "an option is not valid",
    105: "it was interrupted",
    107: "the script raised an exception",
    108: "the script ended the run",
}
"""Exit codes of k6 as its documents tell them."""


@dataclass(frozen=True)
class K6:
    """The user's k6: its program and what ``k6 version`` says."""

    program: str
    version: str

    @property
    def has_extension(self) -> bool:
        """Tell whether it was built with the project's extension."""
        return EXTENSION in self.version


@dataclass(frozen=True, kw_only=True)
class K6Plan:
    """What to run. ``profile`` is not scaled: k6's script does that by ``time_scale``."""

    profile: Profile
    target: Target
    folder: Path
    seed: int
    time_scale: float = 1.0
    traced_share: float = 0.02
    drain_s: float = 60.0


def k6_for(name: str, environ: Mapping[str, str]) -> tuple[K6, Profile]:
    """Return the user's k6 and the profile that it can run. Raises UsageError."""
    profile = profile_called(name)
    k6 = _found(name, environ)
    if profile.topic and not k6.has_extension:
        raise UsageError(
            f"{name} reads Kafka, and {k6.program} lacks the extension {EXTENSION}: build a k6 that has it "
            f"with `just k6`, or run `just load {name}`, which needs none"
        )
    return k6, profile


def _found(name: str, environ: Mapping[str, str]) -> K6:
    chosen = environ.get("TALLY_K6")
    program = shutil.which(chosen or "k6")
    if program is None and chosen:
        raise UsageError(f"TALLY_K6 is {chosen!r}, which cannot be run: name the file of a k6, or unset it")
    if program is None:
        raise UsageError(
            "There is no k6 on PATH: install version 2 (https://grafana.com/docs/k6/latest/set-up/install-k6/), "
            "or name its file in TALLY_K6.\n"
            f"`just load {name}` runs the same profile now, and needs no k6."
        )
    try:
        done = subprocess.run(
            [program, "version"],
            capture_output=True,
            text=True,
            timeout=_VERSION_S,
            check=True,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise UsageError(f"`{program} version` does not work ({error}): name the file of a k6 in TALLY_K6") from error
    return K6(program, done.stdout.strip())


def run(plan: K6Plan, k6: K6) -> dict[str, Any]:
    """Run a profile by k6, judge it by the ledger, write ``summary.json``, return it. Raises LoadError."""
    tag = secrets.token_bytes(TAG_BYTES)
    plan.folder.mkdir(parents=True, exist_ok=True)
    file = plan.folder / "summary.json"
    file.unlink(missing_ok=True)
    # 1. the system as it is before
    before = target.total_of(plan.target)
    started_at, machine = datetime.now(UTC), describe()
    # 2. the load
    exit_code, cores = _load(_command(plan, k6, tag, file), plan)
    summary = _summary(file, exit_code)
    # 3. the truth, after the drain
    positions = {int(partition): int(offset) for partition, offset in summary["positions"].items()}
    undrained = target.drain(plan.target, positions, plan.drain_s)
    verdict, doubts = _judge(plan, summary, tag, started_at)
    verdict.problems += undrained
    _compare_totals(verdict, summary, before, target.total_of(plan.target))
    if exit_code not in (EXIT_OK, EXIT_THRESHOLD):
        verdict.problems.append(_ended(exit_code))
    # 4. the summary with the verdict of the ledger
    summary |= {
        "machine": machine | {"generator": k6.version.splitlines()[0] if k6.version else "k6"},
        "exit_code": exit_code if verdict.holds else EXIT_VERDICT,
        "verdict": {**asdict(verdict), "holds": verdict.holds},
        "cpu_cores": cores, "warnings": doubts,
    }  # fmt: skip
    write_file(file, json.dumps(summary, indent=2) + "\n")
    return summary


def _command(plan: K6Plan, k6: K6, tag: bytes, file: Path) -> list[str]:
    variables = {
        "PROFILE": plan.profile.name, "GRPC": plan.target.grpc, "REST": plan.target.rest, "TAG": tag.hex(),
        "SEED": plan.seed, "TIME_SCALE": plan.time_scale, "TRACED_SHARE": plan.traced_share,
        "DRAIN_S": min(plan.drain_s, _DRAIN_S_MAX), "SUMMARY": file.resolve(),
    }  # fmt: skip
    script = SCRIPT
    if plan.profile.topic:
        script = SCRIPT_WITH_EXTENSION
        variables |= {
            "KAFKA": plan.target.kafka, "REGISTRY": plan.target.registry,
            "OUTCOMES": (plan.folder / "outcomes.bin").resolve(),
        }  # fmt: skip
        variables |= {"TRACES": plan.target.traces} if plan.target.traces else {}
    given = [part for name, value in variables.items() for part in ("-e", f"{name}={value}")]
    return [k6.program, "run", *given, str(script)]


def _load(command: Sequence[str], plan: K6Plan) -> tuple[int, dict[str, float]]:
    """Run k6; return its exit code and the cores that each part used on average. The load stays on this machine."""
    environment = {**os.environ, "K6_NO_USAGE_REPORT": "true"}
    deadline_s = time.monotonic() + plan.profile.lasting(plan.time_scale).duration_s + _GRACE_S
    used: list[Mapping[str, float]] = []
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL) as process:
        try:
            meter = target.cpu_meter(replace(plan.target, pids={**plan.target.pids, "k6": process.pid}))
            while process.poll() is None:
                with suppress(subprocess.TimeoutExpired):
                    process.wait(_SECOND_S)
                used.append(meter())
                if time.monotonic() > deadline_s:
                    raise LoadError(
                        f"{command[0]} did not end within {_GRACE_S:.0f} s after the profile: it was stopped"
                    )
        finally:
            _stop(process)  # it has ended, unless something went wrong here
    parts = sorted({part for each in used for part in each} - {target.GENERATOR})
    return process.returncode, {part: round(sum(each.get(part, 0.0) for each in used) / len(used), 3) for part in parts}


def _stop(process: subprocess.Popen[bytes]) -> None:
    """End k6 as its user would, so that it still tells what it saw; nothing happens when it has ended."""
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _summary(file: Path, exit_code: int) -> dict[str, Any]:
    try:
        body: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LoadError(f"{_ended(exit_code)}; it wrote no summary, and its own lines above tell why") from error
    except ValueError as error:
        raise LoadError(f"k6's summary {file} is not JSON ({error}): run it again") from error
    return body


def _ended(exit_code: int) -> str:
    meaning = f" ({_EXIT_CODES[exit_code]})" if exit_code in _EXIT_CODES else ""
    return f"k6 ended with exit code {exit_code}{meaning}"


def _judge(plan: K6Plan, summary: Mapping[str, Any], tag: bytes, started_at: datetime) -> tuple[Verdict, list[str]]:
    """Return the verdict and what stays in doubt: by each addition where the extension kept a list, else by counts."""
    told = summary["verdict"]
    export, buckets = plan.folder / "export.csv", plan.folder / "buckets"
    outcomes = plan.folder / "outcomes.bin"
    try:
        fetch_export(plan.target.rest, started_at - CLOCKS_APART, export)
        rows = counted_rows(export, tag)
        if outcomes.exists():
            digest = Digest(**json.loads(outcomes.with_suffix(".json").read_text(encoding="utf-8")))
            return judge(outcomes, digest, rows, buckets), []
        digest = Digest(fingerprint="", **told["digest"])
        verdict = judge_counts(digest, rows, buckets)
    finally:
        export.unlink(missing_ok=True)
        shutil.rmtree(buckets, ignore_errors=True)
    verdict.lost = max(verdict.lost, told["lost"])
    verdict.wrong_sum = max(verdict.wrong_sum, told["wrong_sum"])
    if digest.unknown and verdict.counted_sum != digest.acked_sum:
        return verdict, [f"{digest.unknown} outcomes are unknown: only the count is judged, and not the exact sum"]
    return verdict, []


def _compare_totals(verdict: Verdict, summary: Mapping[str, Any], before: Total, after: Total) -> None:
    """Hold the totals that REST showed against the run's rows; what others added meanwhile is told."""
    grown = after.count - before.count
    summary["figures"]["counted_for_others"] = float(grown - verdict.counted)
    if grown < verdict.counted:
        verdict.problems.append(f"the count rose by {grown}, less than the run's own rows")
