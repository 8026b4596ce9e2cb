"""One soak: start a system of its own, let traffic and faults run, drain, judge, and write the report."""

import gc
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import httpx

from oracle.history import Call, Watermark, read_history
from oracle.judging import judge
from oracle.kafka_reading import UnreadableError, read_committed_offsets
from oracle.reading import gather, total_at
from oracle.report import Report
from tests_support.chaos.clock import Clock, no_clock
from tests_support.chaos.cluster import Cluster
from tests_support.looking import Looking
from tests_support.soak.faults import CATALOGUE, Fault
from tests_support.soak.target import Target
from tests_support.soak.timeline import Happening, Sample, Timeline, page
from tests_support.soak.traffic import Traffic
from tests_support.waiting import pause

PRODUCERS: Final = 2
PACE_PER_S: Final = 1_900.0
"""Additions: above a million in ten minutes, and a bound for what the oracle must hold in memory (about 3 kB each)."""
CALM_S: Final = (2.0, 6.0)
"""Between the end of a fault and the next one."""
SAMPLE_S: Final = 1.0
READY_S: Final = 90.0
DRAIN_S: Final = 120.0


@dataclass(frozen=True, kw_only=True)
class Soaked:
    """How it ended. ``page`` is where the report lies."""

    report: Report
    faults: int
    acknowledged: int
    unknown: int
    page: Path


def soak(folder: Path, *, duration_s: float, seed: int, say: Callable[[str], None]) -> Soaked:
    """Run a soak in a folder, which keeps everything."""
    rng = random.Random(seed)
    with Cluster(folder) as cluster:
        clock = None if no_clock() else Clock(folder)
        if clock is not None:
            cluster.prefix = clock.prefix
        for _ in range(PRODUCERS):
            cluster.producer()
        cluster.consumer()
        for producer in cluster.producers:
            producer.wait_ready(READY_S)
        cluster.consumers[0].wait_ready(READY_S)
        traffic = Traffic([one.target for one in cluster.producers], folder, seed=seed, pace_per_s=PACE_PER_S)
        target, timeline = Target(cluster, rng, clock), Timeline()
        watermarks: list[Watermark] = []
        began_s = time.monotonic()
        observing = Looking(_Observer(cluster, traffic, timeline, watermarks, began_s).look, SAMPLE_S)
        observing.start()
        traffic.start()
        _harm(target, timeline, began_s, duration_s, say)
        say("no more faults; everything settles")
        target.revive()
        traffic.stop()
        observing.stop()
        target.mend()
        report = _judged(cluster, traffic, watermarks)
    return _written(folder, report, timeline, traffic, seed)


def _harm(target: Target, timeline: Timeline, began_s: float, duration_s: float, say: Callable[[str], None]) -> None:
    """Do one fault after another; each of the catalogue comes once before any comes again."""
    waiting: list[Fault] = []
    while time.monotonic() - began_s < duration_s:
        pause(target.rng.uniform(*CALM_S))
        if not waiting:
            waiting = target.rng.sample(CATALOGUE, len(CATALOGUE))
        fault = waiting.pop()
        between = target.revive()  # a fault needs a living service, and one may have ended since the last fault
        from_s = time.monotonic() - began_s
        what = "; ".join([*between, fault(target), *target.revive()])
        name = fault.__name__.replace("_", " ")
        timeline.faults.append(Happening(name=name, began_s=from_s, ended_s=time.monotonic() - began_s, what=what))
        say(f"{from_s:6.1f} s  {name}: {what}")


def _judged(cluster: Cluster, traffic: Traffic, watermarks: list[Watermark]) -> Report:
    gc.disable()  # its passes over millions of records would hold up the proxies for seconds
    calls: list[Call] = []
    for path in traffic.histories:
        calls += read_history(path)[0]
    try:
        return judge(gather(cluster.system, calls=calls, watermarks=watermarks, drain_s=DRAIN_S))
    finally:
        gc.enable()


def _written(folder: Path, report: Report, timeline: Timeline, traffic: Traffic, seed: int) -> Soaked:
    clean = report.clean
    seconds = timeline.samples[-1].at_s if timeline.samples else 0.0
    title = f"Tally under {len(timeline.faults)} faults in {seconds:.0f} s, seed {seed}"
    path = folder / "report.html"
    path.write_text(page(timeline, title=title, verdict=str(report), clean=clean), encoding="utf-8")
    return Soaked(
        report=report,
        faults=len(timeline.faults),
        acknowledged=traffic.acknowledged,
        unknown=traffic.unknown,
        page=path,
    )


class _Observer:
    """Looks each second at what was acknowledged, what REST shows, and what the group has committed."""

    def __init__(
        self, cluster: Cluster, traffic: Traffic, timeline: Timeline, watermarks: list[Watermark], began_s: float
    ) -> None:
        self._cluster, self._traffic, self._timeline, self._watermarks = cluster, traffic, timeline, watermarks
        self._began_s = began_s

    def look(self) -> None:
        """Look once."""
        counted = self._counted()
        traffic = self._traffic
        self._timeline.samples.append(
            Sample(
                at_s=time.monotonic() - self._began_s,
                acknowledged=traffic.acknowledged,
                unknown=traffic.unknown,
                counted=counted,
            )
        )
        self._look_at_group()

    def _counted(self) -> int | None:
        shown = []
        for url in [one.url for one in self._cluster.consumers if one.lives]:
            try:
                shown.append(int(total_at(url)["count"]))
            except (OSError, httpx.HTTPError, ValueError):
                continue
        return max(shown, default=None)

    def _look_at_group(self) -> None:
        try:
            found = read_committed_offsets(self._cluster.direct, "tally.sums.v1", "tally-ledger")
        except UnreadableError:
            return
        for partition, committed in found.items():
            at_s = time.monotonic()
            self._watermarks.append(
                Watermark(source="committed", partition=partition, next_offset=committed.offset, at_s=at_s)
            )
