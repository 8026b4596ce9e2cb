"""The metrics of every Python process: CPU, memory, threads, files, garbage collector, event loop."""

import asyncio
import gc
import time

import psutil

from observability.instruments import Histogram
from observability.metrics import Metrics, Reading

_LAG_INTERVAL_S = 0.25


def observe_process(metrics: Metrics) -> None:
    """Create the metrics of the process and of its garbage collector. Call this once."""
    process = psutil.Process()
    began_s = time.time() - process.create_time()
    started_s = time.monotonic() - began_s

    def cpu() -> list[Reading]:
        times = process.cpu_times()
        return [(times.user, ("user",)), (times.system, ("system",))]

    def collector(field: str) -> list[Reading]:
        return [(counts[field], (generation,)) for generation, counts in enumerate(gc.get_stats())]

    metrics.total("process.cpu.time", cpu)
    metrics.gauge("process.memory.usage", lambda: [(process.memory_info().rss, ())])
    metrics.gauge("process.memory.virtual", lambda: [(process.memory_info().vms, ())])
    metrics.gauge("process.thread.count", lambda: [(process.num_threads(), ())])
    metrics.gauge("process.unix.file_descriptor.count", lambda: [(process.num_fds(), ())])
    metrics.gauge("process.uptime", lambda: [(time.monotonic() - started_s, ())])
    metrics.total("cpython.gc.collections", lambda: collector("collections"))
    metrics.total("cpython.gc.collected_objects", lambda: collector("collected"))
    metrics.total("cpython.gc.uncollectable_objects", lambda: collector("uncollectable"))


class EventLoopLag:
    """Records how late the timers of an event loop run, from `start` to `stop`, both called in the loop."""

    def __init__(self, histogram: Histogram) -> None:
        self._histogram = histogram
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begin; call this in the running loop."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_at(loop.time() + _LAG_INTERVAL_S, self._tick, loop, loop.time() + _LAG_INTERVAL_S)

    def stop(self) -> None:
        """End."""
        if self._timer is not None:
            self._timer.cancel()

    def _tick(self, loop: asyncio.AbstractEventLoop, due_s: float) -> None:
        # uvloop's clock counts whole milliseconds, so a timer may seem to run a little early.
        self._histogram.record(max(0.0, loop.time() - due_s))
        self.start()
