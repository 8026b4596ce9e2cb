"""One run: warm-up, quiet, hostile, settled; then what was promised is held against what was seen."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from oracle.history import Call, read_history
from oracle.judging import judge
from oracle.reading import gather
from oracle.report import Report
from stack import Stack
from stack.parts.names import STAYING
from tests_support.hostile import watch
from tests_support.hostile.addresses import Addresses
from tests_support.hostile.crowd import ATTACKS, Crowd
from tests_support.hostile.latency import p99, waits_s
from tests_support.hostile.watch import WATCHED, Watch
from tests_support.hostile.writers import one_poison_each
from tests_support.looking import Looking
from tests_support.running.live import live_stack, system_of
from tests_support.soak.traffic import Traffic
from tests_support.waiting import NotInTimeError, eventually, pause

PACE_PER_S: Final = 200.0
"""Healthy additions: far below what the system can do, so that a slow answer is the strangers' doing."""
BATCH_MAX: Final = 30
SAMPLE_S: Final = 1.0
SETTLE_S: Final = 60.0
DRAIN_S: Final = 120.0
REST_S: Final = 40.0
"""The services give free memory back every 30 s at the latest."""
RSS_GROWTH_MAX: Final = 1.2
ID_BYTES_MIN, ID_BYTES_MAX = 56, 92
"""Of the consumer's memory, which keeps every id by design: right before a table of ids doubles, and right after."""
PEAK_MORE_MAX_MB: Final = 250.0
"""Callers were seen to take 224 MB for a while; docs/LIMITS.md says what they can take at most."""
P99_GROWTH_MAX: Final = 3.0
DESCRIPTORS_MORE_MAX: Final = 20
SETTINGS: Final = {
    "TALLY_CONSUMER_SCHEMA_DENIALS_MS": "500",
    # 0.3 kB an id: full after the warm-up, so that what grows later is no cache
    "TALLY_PRODUCER_CACHE_RECORDS_MAX": "2000",
}


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How long each part of a run takes, in seconds."""

    warm_s: float
    quiet_s: float
    hostile_s: float

    @classmethod
    def of_minutes(cls, minutes: float) -> "Plan":
        """Return a plan whose hostile part takes so long."""
        return cls(warm_s=20.0, quiet_s=min(60.0, max(10.0, minutes * 6)), hostile_s=minutes * 60)


@dataclass(frozen=True, kw_only=True)
class Check:
    """One promise: what was wanted and what was seen. ``timing``: it depends on how busy the machine is."""

    name: str
    wanted: str
    seen: str
    holds: bool
    timing: bool = False


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """All checks, how often each attack was tried, and what the oracle says."""

    checks: Sequence[Check]
    attempts: Mapping[str, int]
    report: Report

    @property
    def holds(self) -> bool:
        """Tell whether every promise held."""
        return all(each.holds for each in self.checks)


@dataclass(frozen=True, kw_only=True)
class _Moments:
    """When the parts of a run began and ended, by the monotonic clock."""

    quiet_s: float
    hostile_s: float
    gone_s: float
    settled_s: float
    ids_before: int
    ids_after: int

    @property
    def ids_mb(self) -> float:
        """Return what the ids counted meanwhile take of the consumer's memory at most."""
        return max(0, self.ids_after * ID_BYTES_MAX - self.ids_before * ID_BYTES_MIN) / 1e6


def run(
    folder: Path, plan: Plan, *, seed: int, say: Callable[[str], None], attacks: Sequence[str] = (*ATTACKS,)
) -> Verdict:
    """Run in a folder, which keeps everything. ``attacks``: names of those that are made."""
    with live_stack(folder / "data", SETTINGS) as stack:
        traffic = Traffic([stack.grpc_target], folder, seed=seed, pace_per_s=PACE_PER_S, batch_max=BATCH_MAX)
        crowd, seen = Crowd(Addresses.of(stack), seed, attacks), Watch(stack)
        looking = Looking(seen.look, SAMPLE_S)
        traffic.start()
        say(f"warm-up: each attack once, then healthy load for {plan.warm_s:g} s")
        _warm(Addresses.of(stack), seed, attacks)
        pause(plan.warm_s)
        looking.start()
        say(f"healthy load alone, {plan.quiet_s:g} s")
        quiet_s = time.monotonic()
        pause(plan.quiet_s)
        say(f"hostile load beside it, {plan.hostile_s:g} s")
        hostile_s, ids_before = time.monotonic(), _ids(stack)
        crowd.start()
        pause(plan.hostile_s)
        crowd.stop()
        gone_s = time.monotonic()
        say("the strangers are gone; everything settles")
        settled = _settled(stack, seen, hostile_s)
        moments = _Moments(
            quiet_s=quiet_s,
            hostile_s=hostile_s,
            gone_s=gone_s,
            settled_s=time.monotonic(),
            ids_before=ids_before,
            ids_after=_ids(stack),
        )
        looking.stop()
        traffic.stop()
        calls = [call for path in traffic.histories for call in read_history(path)[0]]
        report = judge(gather(system_of(stack), calls=calls, drain_s=DRAIN_S))
        checks = [
            *_of_memory(seen, moments),
            _of_latency(calls, moments),
            _of_truth(report),
            Check(name="settled after the strangers are gone", wanted="yes", seen=settled or "yes", holds=not settled),
            *_of_parts(stack),
        ]
    return Verdict(checks=checks, attempts=crowd.attempts, report=report)


def _ids(stack: Stack) -> int:
    """Return how many ids are counted."""
    answer = httpx.get(f"{stack.rest_url}/v1/total", timeout=10, trust_env=False)
    return int(answer.raise_for_status().json()["count"])


def _warm(at: Addresses, seed: int, attacks: Sequence[str]) -> None:
    """Let everything happen once: what a service loads or opens for good is there before it is measured."""
    one_poison_each(at)
    first = Crowd(at, seed, attacks, rounds=1)
    first.start()
    first.wait()


def _settled(stack: Stack, seen: Watch, hostile_s: float) -> str:
    """Wait until nothing of the strangers is left to do; return what is left after SETTLE_S, or nothing."""

    def left() -> list[str]:
        parts = httpx.get(f"{stack.rest_url}/v1/partitions", timeout=10, trust_env=False).raise_for_status().json()
        behind = [f"partition {each['partition']} is {each['state']}" for each in parts if each["state"] != "RUNNING"]
        for part in WATCHED:
            more = seen.samples[part][-1].descriptors - watch.descriptors(seen.until(part, hostile_s))
            behind += [f"the {part} holds {more} descriptors more"] if more > DESCRIPTORS_MORE_MAX else []
        return behind

    try:
        eventually(lambda: not left(), SETTLE_S, "all is settled", retry_on=(httpx.HTTPError,), interval_s=SAMPLE_S)
    except NotInTimeError as error:
        try:
            return "; ".join(left()) or "late"
        except httpx.HTTPError:
            return str(error)
    pause(REST_S)  # so that the samples of the end are of the settled system
    return ""


def _of_memory(seen: Watch, at: _Moments) -> list[Check]:
    checks = []
    for part in WATCHED:
        before, after = seen.until(part, at.hostile_s), seen.until(part, at.settled_s)
        during = seen.between(part, at.hostile_s, at.gone_s)
        mb, fds = watch.rss_mb(before), watch.descriptors(before)
        ids_mb = at.ids_mb if part == "consumer" else 0.0
        for_ids = f", {ids_mb:.0f} of them for ids" if ids_mb else ""
        most_fds = max(each.descriptors for each in during)
        end_mb, peak_mb, end_fds = watch.rss_mb(after), max(each.rss_mb for each in during), watch.descriptors(after)
        most_mb = mb * RSS_GROWTH_MAX + ids_mb
        checks += [
            _at_most(f"{part}: RSS at the end", most_mb, end_mb, " MB", for_ids, f", {mb:.0f} before"),
            _at_most(f"{part}: RSS at its peak", mb + PEAK_MORE_MAX_MB, peak_mb, " MB"),
            _at_most(
                f"{part}: descriptors at the end",
                fds + DESCRIPTORS_MORE_MAX,
                end_fds,
                more_of_seen=f", {fds} before, {most_fds} at most",
            ),
        ]
    return checks


def _at_most(
    name: str, most: float, seen: float, unit: str = "", more_of_most: str = "", more_of_seen: str = ""
) -> Check:
    return Check(
        name=name,
        wanted=f"at most {most:.0f}{unit}{more_of_most}",
        seen=f"{seen:.0f}{unit}{more_of_seen}",
        holds=seen <= most,
    )


def _of_latency(calls: Sequence[Call], at: _Moments) -> Check:
    quiet = waits_s(calls, at.quiet_s, at.hostile_s)
    hostile = waits_s(calls, at.hostile_s, at.gone_s)
    limit_s, seen_s = p99(quiet) * P99_GROWTH_MAX, p99(hostile)
    return Check(
        name="healthy calls, p99",
        wanted=f"at most {limit_s * 1000:.0f} ms",
        seen=f"{seen_s * 1000:.0f} ms of {len(hostile):,}, {p99(quiet) * 1000:.0f} ms of {len(quiet):,} before",
        holds=seen_s <= limit_s,
        timing=True,
    )


def _of_truth(report: Report) -> Check:
    """Return the oracle's word. LETTERS tells of forged letters, which strangers did write: it is no fault."""
    wrong = [str(each) for each in report.findings if each.invariant != "LETTERS"]
    told = [str(each) for each in report.findings if each.invariant == "LETTERS"]
    seen = f"nothing of {report.acknowledged:,} acknowledged, {report.poison:,} poison"
    return Check(
        name="lost, doubled, or wrong in any way",
        wanted="nothing",
        seen="; ".join(wrong) or "; ".join((seen, *told)),
        holds=not wrong,
    )


def _of_parts(stack: Stack) -> list[Check]:
    checks = []
    for part in STAYING:
        reason = stack.not_ready(part) if stack.pid(part) is not None else "it ended"
        checks.append(Check(name=f"{part} at the end", wanted="ready", seen=reason or "ready", holds=not reason))
    for part in WATCHED:
        log = stack.log_path(part).read_text(encoding="utf-8", errors="replace")
        found, size_kb = log.count("Traceback (most recent call last)"), len(log) / 1000
        checks.append(
            Check(
                name=f"{part}: tracebacks in the log", wanted="0", seen=f"{found} in {size_kb:.0f} kB", holds=not found
            )
        )
    return checks
