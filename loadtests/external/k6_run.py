"""A profile run by the user's own k6: `just load PROFILE --k6`. The ledger judges it, by the run's ids.

The script (loadtests/main.js) writes a summary in the form of our own; here the verdict of the ledger takes the place
of its own.
"""

import json
import os
import secrets
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from benchmarks.machine import describe
from loadtests import target
from loadtests.errors import LoadError
from loadtests.external.k6_program import K6
from loadtests.judging.ledger_source import exported_rows
from loadtests.judging.verdict import Verdict, judge, judge_counts
from loadtests.run import EXIT_OK, EXIT_THRESHOLD, EXIT_VERDICT, Plan
from loadtests.traffic.additions import TAG_BYTES
from loadtests.traffic.outcomes import Digest
from stack.system import ROOT
from tally.base.written_file import write_file

SCRIPT: Final = ROOT / "loadtests" / "main.js"
SCRIPT_WITH_EXTENSION: Final = ROOT / "loadtests" / "tally.js"

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
"""Exit codes of k6, from its documentation."""


def run(plan: Plan, k6: K6) -> dict[str, Any]:
    """Run a profile by k6, judge it by the ledger, write ``summary.json``, return it. Raises LoadError."""
    tag = secrets.token_bytes(TAG_BYTES)
    plan.folder.mkdir(parents=True, exist_ok=True)
    file = plan.folder / "summary.json"
    file.unlink(missing_ok=True)
    # 1. the system as it is before
    before = target.count_of(plan.target)
    started_at, machine = datetime.now(UTC), describe()
    # 2. the load
    exit_code, cores = _load(_command(plan, k6, tag, file), plan)
    summary = _summary(file, exit_code)
    # 3. the truth, after the drain
    positions = {int(partition): int(offset) for partition, offset in summary["positions"].items()}
    undrained = target.drain(plan.target, positions, plan.drain_s)
    verdict, doubts = _judge(plan, summary, tag, started_at)
    verdict.problems += undrained
    grown = target.count_of(plan.target) - before
    summary["figures"]["counted_for_others"] = verdict.counted_for_others(grown)
    if exit_code not in (EXIT_OK, EXIT_THRESHOLD):
        verdict.problems.append(_ended(exit_code))
    # 4. the summary with the verdict of the ledger
    summary |= {
        "machine": machine | {"generator": k6.version.splitlines()[0] if k6.version else "k6"},
        "exit_code": exit_code if verdict.holds else EXIT_VERDICT,
        "verdict": verdict.as_json(),
        "cpu_cores": cores, "warnings": doubts,
    }  # fmt: skip
    write_file(file, json.dumps(summary, indent=2) + "\n")
    return summary


def _command(plan: Plan, k6: K6, tag: bytes, file: Path) -> list[str]:
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


def _load(command: Sequence[str], plan: Plan) -> tuple[int, dict[str, float]]:
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
    """End k6 as its user would, so that it still reports what it saw; do nothing when it has ended."""
    process.terminate()
    try:
        process.wait(_STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _summary(file: Path, exit_code: int) -> dict[str, Any]:
    try:
        body: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LoadError(f"{_ended(exit_code)}; it wrote no summary, and its output above says why") from error
    except ValueError as error:
        raise LoadError(f"k6's summary {file} is not JSON ({error}): run it again") from error
    return body


def _ended(exit_code: int) -> str:
    meaning = f" ({_EXIT_CODES[exit_code]})" if exit_code in _EXIT_CODES else ""
    return f"k6 ended with exit code {exit_code}{meaning}"


def _judge(plan: Plan, summary: Mapping[str, Any], tag: bytes, started_at: datetime) -> tuple[Verdict, list[str]]:
    """Return the verdict and what stays in doubt: by each addition where the extension kept a list, else by counts."""
    told = summary["verdict"]
    outcomes = plan.folder / "outcomes.bin"
    with exported_rows(plan.target.rest, tag, started_at, plan.folder) as (rows, buckets):
        if outcomes.exists():
            digest = Digest(**json.loads(outcomes.with_suffix(".json").read_text(encoding="utf-8")))
            return judge(outcomes, digest, rows, buckets), []
        digest = Digest(fingerprint="", **told["digest"])
        verdict = judge_counts(digest, rows, buckets)
    verdict.lost = max(verdict.lost, told["lost"])
    verdict.wrong_sum = max(verdict.wrong_sum, told["wrong_sum"])
    if digest.unknown and verdict.counted_sum != digest.acked_sum:
        return verdict, [f"{digest.unknown} outcomes are unknown: only the count is judged, and not the exact sum"]
    return verdict, []
