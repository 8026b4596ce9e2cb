"""One figure by an independent client: ours and ghz at the same rate, in turns (`just load-check`).

ghz (Apache-2.0) is a Go program on grpc-go; ours is Python on grpc's C core. Both start unary additions at a fixed rate
over 16 connections and wait for no answer. The rate is far below what the system can do, so the cost of the clients
themselves hardly counts, and their medians have to agree.
"""

import json
import statistics
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loadtests.errors import LoadError
from loadtests.external.protoset import descriptors
from loadtests.run import CHANNELS, Result
from loadtests.traffic.profiles import ADD_ONLY, Profile, Stage
from stack.checkout import say
from stack.fetch import go_programs
from stack.fetch.go_programs import ROOT, GoProgram
from tally.base.cache_folder import cache_folder

GHZ: Final = GoProgram("ghz", ROOT / "loadtests" / "ghz", "github.com/bojand/ghz/cmd/ghz", seconds=25)
APART_MAX: Final = 1.25
"""How far the medians of both clients may be apart, as a ratio."""

_SHARES: Final = (50, 95, 99)
_ADDITION: Final = json.dumps({"request_id": "{{.UUID}}", "a": "2", "b": "40.5"})
_END_S: Final = 60.0


@dataclass(frozen=True)
class Seen:
    """What one client saw in one round: OK answers, other answers, and quantiles in ms by share."""

    client: str
    ok: int
    wrong: int
    quantiles_ms: Mapping[int, float]


def steady(rate: float, duration_s: float) -> Profile:
    """Return the profile of our side: additions only, at one rate."""
    return Profile(
        name="steady", meaning="additions at one rate", open=True, start=rate, weights=ADD_ONLY,
        stages=[Stage(duration_s, rate)], thresholds=(),
    )  # fmt: skip


def seen_by_ours(result: Result) -> Seen:
    """Return what our client saw."""
    figures, codes = result.figures, result.load.whole.codes
    ok = codes["add OK"]
    return Seen("ours", ok, codes.total() - ok, {share: figures.get(f"add_p{share}_ms", 0.0) for share in _SHARES})


def ghz_program() -> Path:
    """Return ghz, building it on first use. Raises StackError."""
    return go_programs.ensure(GHZ, cache_folder(), say)


def seen_by_ghz(program: Path, target: str, rate: int, duration_s: int, protoset: Path) -> Seen:
    """Run ghz and return what it saw. Raises LoadError."""
    protoset.write_bytes(descriptors())  # its reflection client is too old for our server's
    command = [
        str(program), "--insecure", "--protoset", str(protoset), "--call", "tally.v1.TallyService.Add",
        "--data", _ADDITION, "--rps", str(rate), "--duration", f"{duration_s}s", "--duration-stop", "wait",
        "--async", "--concurrency", str(CHANNELS), "--connections", str(CHANNELS), "--format", "json", target,
    ]  # fmt: skip
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=duration_s + _END_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise LoadError(f"ghz did not end at {target} within {duration_s + _END_S:g} s") from error
    try:
        report = json.loads(done.stdout)
    except ValueError as error:
        said = (done.stderr or done.stdout).strip()[-500:]
        raise LoadError(f"ghz ended with {done.returncode} and no report on {target}; it says: {said}") from error
    return from_report(report)


def from_report(report: Mapping[str, Any]) -> Seen:
    """Return what ghz's report says. Raises LoadError."""
    codes = report.get("statusCodeDistribution") or {}
    latencies = {each["percentage"]: each["latency"] / 1e6 for each in report.get("latencyDistribution") or ()}
    if not codes.get("OK") or not set(_SHARES) <= set(latencies):
        raise LoadError(f"ghz had no answer to measure: {report.get('errorDistribution') or codes}")
    ok = int(codes["OK"])
    return Seen("ghz", ok, sum(codes.values()) - ok, {share: latencies[share] for share in _SHARES})


def in_turns(rounds: int, sides: Sequence[Callable[[int], Seen]]) -> list[Seen]:
    """Call each side once a round; every other round begins with the other side."""
    return [side(number) for number in range(rounds) for side in (sides if number % 2 == 0 else sides[::-1])]


def table_of(seen: Sequence[Seen]) -> tuple[str, float]:
    """Return the medians of both clients' rounds as a table in Markdown, and the ratio of their median latencies."""
    lines = ["| client | OK | other | p50, ms | p95, ms | p99, ms | p50 of each round |", "| --- " * 7 + "|"]
    medians: dict[str, list[float]] = {}
    for client in dict.fromkeys(each.client for each in seen):
        mine = [each for each in seen if each.client == client]
        medians[client] = [statistics.median(each.quantiles_ms[share] for each in mine) for share in _SHARES]
        rounds = ", ".join(f"{each.quantiles_ms[50]:.2f}" for each in mine)
        counts = f"{sum(each.ok for each in mine):,} | {sum(each.wrong for each in mine):,}"
        lines.append(f"| {client} | {counts} | {' | '.join(f'{ms:.2f}' for ms in medians[client])} | {rounds} |")
    ratio = medians["ours"][0] / medians["ghz"][0]
    return "\n".join([*lines, "", f"p50, ours / ghz: {ratio:.2f}"]), ratio


def agree(ratio: float) -> bool:
    """Tell whether the medians are near enough to each other."""
    return 1 / APART_MAX <= ratio <= APART_MAX
