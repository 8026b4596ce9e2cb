"""One run of a profile, from the first call to the report. The composition root of the load tests."""

import asyncio
import random
import secrets
import sys
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import grpc
import httpx
import uvloop

from benchmarks.machine import describe
from loadtests import target
from loadtests.judging.ledger_source import exported_rows
from loadtests.judging.topic import TopicWatch
from loadtests.judging.verdict import Verdict, judge
from loadtests.target import Target
from loadtests.traffic import generator
from loadtests.traffic.additions import TAG_BYTES, Draw
from loadtests.traffic.generator import Generator, Load
from loadtests.traffic.operations import CALL_S, Operations
from loadtests.traffic.outcomes import OutcomeLog
from loadtests.traffic.profiles import Profile
from loadtests.traffic.spans import Slow, Spans
from tally.generated.tally.v1 import tally_pb2_grpc

EXIT_OK: Final = 0
EXIT_VERDICT: Final = 1
EXIT_THRESHOLD: Final = 99

CHANNELS: Final = 16
_REST_CLIENTS: Final = 64
_BUSY_CORES: Final = 0.9
_BUSY_SHARE: Final = 0.2
_LAG_MS_MAX: Final = 100.0
_OTHERS_CORES: Final = 0.3
_SWITCH_S: Final = 0.0002
"""How soon the interpreter goes over to gRPC's thread, which hands each answer to the loop. With the default of 5 ms a
loop that has always something to do got some 60 answers a second, and the rest in bursts (seen with 3,000 users)."""
_CHANNEL_OPTIONS: Final = [
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.enable_retries", 0),
    ("grpc.enable_http_proxy", 0),
]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to run; all durations of the profile are taken times ``time_scale``.

    ``limit``: the target is an empty handler, so sums and the ledger are not looked at.
    """

    profile: Profile
    target: Target
    folder: Path
    seed: int
    time_scale: float = 1.0
    traced_share: float = 0.02
    drain_s: float = 60.0
    limit: bool = False


@dataclass(kw_only=True)
class Result:
    """The outcome of a run, as the summary and the report show it."""

    plan: Plan
    tag: str
    started_at: str
    machine: dict[str, str]
    load: Load
    figures: dict[str, float]
    broken: tuple[str, ...]
    slowest: list[Slow]
    verdict: Verdict | None = None
    warnings: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """Return 1 when the verdict does not hold, else 99 when a threshold is broken, else 0."""
        if self.verdict is not None and not self.verdict.holds:
            return EXIT_VERDICT
        return EXIT_THRESHOLD if self.broken else EXIT_OK


def run(plan: Plan) -> Result:
    """Run a profile and judge it. Raises LoadError when it cannot be run or judged."""
    tag = secrets.token_bytes(TAG_BYTES)
    started_at = datetime.now(UTC)
    plan.folder.mkdir(parents=True, exist_ok=True)
    log = OutcomeLog(plan.folder / "outcomes.bin", tag)
    rng = random.Random(plan.seed)
    spans = Spans(plan.traced_share, random.Random(plan.seed + 1), plan.target.traces)
    # 1. the system as it is before
    before = None if plan.limit else target.count_of(plan.target)
    watch = TopicWatch(plan.target, tag) if plan.profile.topic else None
    # 2. the load
    machine = describe()
    sys.setswitchinterval(_SWITCH_S)
    load, positions = uvloop.run(_load(plan, Draw(tag, rng), log, spans, watch))
    digest = log.close()
    figures = load.whole.figures() | _rates(load)
    result = Result(
        plan=plan, tag=tag.hex(), started_at=started_at.isoformat(timespec="seconds"), machine=machine, load=load,
        figures=figures, broken=(), slowest=spans.finish(), warnings=_warnings(load),
    )  # fmt: skip
    # 3. the truth, after the drain
    if before is not None:
        undrained = target.drain(plan.target, positions, plan.drain_s)
        if watch is not None:
            figures |= watch.finish(digest, plan.drain_s)
            result.warnings += watch.first_wrong()
        with exported_rows(plan.target.rest, tag, started_at, plan.folder) as (rows, buckets):
            result.verdict = judge(plan.folder / "outcomes.bin", digest, rows, buckets)
        result.verdict.problems += undrained
        figures["counted_for_others"] = result.verdict.counted_for_others(target.count_of(plan.target) - before)
    # 4. the thresholds
    result.broken = load.broken or generator.broken(plan.profile.thresholds, figures)
    return result


async def _load(
    plan: Plan, draw: Draw, log: OutcomeLog, spans: Spans, watch: TopicWatch | None
) -> tuple[Load, dict[int, int]]:
    channels = [grpc.aio.insecure_channel(plan.target.grpc, options=_CHANNEL_OPTIONS) for _ in range(CHANNELS)]
    async with AsyncExitStack() as opened:
        trusted = httpx.create_ssl_context()  # reading the authorities takes longer than all else of a client
        rest = [
            await opened.enter_async_context(
                httpx.AsyncClient(base_url=plan.target.rest, timeout=CALL_S, verify=trusted, trust_env=False)
            )
            for _ in range(_REST_CLIENTS)
        ]
        stubs = [tally_pb2_grpc.TallyServiceStub(channel) for channel in channels]
        operations = Operations(stubs, rest, draw, log, spans, check_sums=not plan.limit)
        profile = plan.profile.lasting(plan.time_scale)
        making = Generator(profile, operations, draw.rng, target.cpu_meter(plan.target))
        if watch is not None:
            watch.start()
            watch.produce_poison()
        load = await making.run()
    await asyncio.gather(*(channel.close() for channel in channels))
    return load, operations.positions


def _rates(load: Load) -> dict[str, float]:
    """Return calls a second over the whole run and in the best five seconds in a row, and where a breakpoint was.

    ``held_*`` is of the last five seconds in which all thresholds of a breakpoint held: what the system can do.
    """
    calls = [second.calls for second in load.seconds]
    best = max((sum(calls[at : at + 5]) / 5 for at in range(max(1, len(calls) - 4))), default=0.0)
    rates = {
        "lasted_s": round(load.lasted_s, 1),
        "calls_per_s": round(load.whole.calls / load.lasted_s, 1),
        "calls_per_s_best_5_s": round(best, 1),
        "target_max": max((second.target for second in load.seconds), default=0.0),
        "in_flight_max": float(max((second.in_flight for second in load.seconds), default=0)),
    }
    if load.held is not None:
        rates["held_calls_per_s"] = load.held.calls / generator.BREAK_WINDOW_S
        rates["held_add_p99_ms"] = load.held.figures()["add_p99_ms"]
    return rates | ({"broke_at_calls_per_s": load.seconds[-1].target} if load.broken else {})


def _warnings(load: Load) -> list[str]:
    """Warn when the generator itself, or another process of the machine, may limit the figures."""
    found = []
    seconds = max(1, len(load.seconds))
    busy = sum(second.cpu.get(target.GENERATOR, 0.0) >= _BUSY_CORES for second in load.seconds) / seconds
    late = sum(second.loop_lag_ms > _LAG_MS_MAX for second in load.seconds) / seconds
    if busy >= _BUSY_SHARE:
        found.append(f"the load generator used a whole core in {busy:.0%} of the seconds: it may be the bottleneck")
    if late >= _BUSY_SHARE:
        found.append(f"the load generator was late by more than {_LAG_MS_MAX:g} ms in {late:.0%} of the seconds: "
                     f"the latencies come out too long")  # fmt: skip
    others = sum(second.cpu.get(target.OTHERS, 0.0) for second in load.seconds) / seconds
    if others >= _OTHERS_CORES:
        found.append(f"other processes of this machine used {others:.1f} cores: expect better figures on a quiet one")
    if load.whole.dropped:
        found.append(f"{load.whole.dropped} calls were dropped: {generator.IN_FLIGHT_MAX} were already under way")
    return found


def summary_of(result: Result) -> dict[str, Any]:
    """Return a run as JSON has it."""
    plan, load = result.plan, result.load
    parts = sorted({part for second in load.seconds for part in second.cpu})
    cpu = {part: [second.cpu[part] for second in load.seconds if part in second.cpu] for part in parts}
    return {
        "profile": plan.profile.name, "limit": plan.limit, "seed": plan.seed, "tag": result.tag,
        "started_at": result.started_at, "machine": result.machine, "exit_code": result.exit_code,
        "verdict": None if result.verdict is None else result.verdict.as_json(),
        "thresholds": [str(each) for each in plan.profile.thresholds], "broken": list(result.broken),
        "figures": result.figures, "codes": dict(sorted(load.whole.codes.items())),
        "unexpected": dict(load.whole.unexpected.most_common(20)),
        "cpu_cores": {part: round(sum(used) / len(used), 3) for part, used in cpu.items()},
        "slowest_traced": [asdict(each) for each in result.slowest], "warnings": result.warnings,
    }  # fmt: skip
