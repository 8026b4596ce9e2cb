"""The life of the producer: it listens, gets ready, serves, and ends within one deadline."""

import asyncio
import contextlib
import gc
import signal
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, assert_never

from loguru import logger

from observability.metrics_server import serve_metrics
from observability.telemetry import Telemetry
from producer.core.availability import Availability, Available, Readiness, Unavailable
from producer.core.idempotency import KnownIds
from producer.settings import ProducerSettings
from producer.shell.async_call_queue import AsyncCallQueue
from producer.shell.grpc_server import GrpcServer
from producer.shell.lane_thread import LaneReport
from producer.shell.lanes import Lanes
from producer.shell.startup import CannotServeError, Startup
from tally.base.deadline import Deadline
from tally.service import process as service
from tally.service.memory import keep_giving_back

_ANSWER_RESERVE_S = 1.0
"""Of the time to drain: what is kept for answering calls that could not be committed in the rest of it."""

_TELEMETRY_LIMIT_S = 2.0
"""For sending the last telemetry; a backend that hangs must not hold up the end."""

_START, _CACHE = "start", "cache"


@dataclass(frozen=True, slots=True)
class Parts:
    """What the producer is made of."""

    telemetry: Telemetry
    known: KnownIds
    queue: AsyncCallQueue
    server: GrpcServer
    startup: Startup
    lanes: Lanes


@dataclass(frozen=True, slots=True)
class Signalled:
    """The end: somebody sent this signal."""

    name: str


@dataclass(frozen=True, slots=True)
class Failed:
    """The end: the producer cannot go on."""

    reason: str


Ending: TypeAlias = Signalled | Failed


class Service:
    """The producer: STARTING (unready, listening) -> READY <-> UNREADY (a lane has no client) -> DRAINING -> ended.

    `run` is called once, in the event loop's thread, which is the only one that changes anything here.
    """

    def __init__(self, settings: ProducerSettings, parts: Parts) -> None:
        self._settings = settings
        self._parts = parts
        lanes = map(_lane_part, range(settings.producer_lanes))
        self._readiness = Readiness([_START, _CACHE, *lanes])
        self._serving = False
        self._observed = asyncio.Event()
        self._ending: asyncio.Future[Ending] = asyncio.get_running_loop().create_future()

    @property
    def serving(self) -> bool:
        """Whether the health of the server is SERVING."""
        return self._serving

    def lane_available(self, lane: int) -> bool:
        """Tell whether a lane has a client."""
        return isinstance(self._readiness.of(_lane_part(lane)), Available)

    async def run(self) -> int:
        """Serve until a signal or a reason to end. Returns the exit code. Raises PortTakenError, MetricsPortError."""
        settings, telemetry = self._settings, self._parts.telemetry
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, partial(self._end, Signalled(number.name)))
        await self._parts.server.start(settings.grpc_host, settings.grpc_port)
        logger.bind(host=settings.grpc_host, port=settings.grpc_port).info("listening for gRPC")
        # Before the metrics: a producer that was killed left transactions open, which the clients of the lanes end.
        life = asyncio.create_task(self._live())
        await asyncio.to_thread(telemetry.load)
        exposition = telemetry.open()
        if settings.producer_metrics_port:
            host, port = settings.producer_metrics_host, settings.producer_metrics_port
            serve_metrics(exposition, host, port, "TALLY_PRODUCER_METRICS_PORT")
        self._observed.set()
        service.collect_garbage_again()
        tidying = asyncio.create_task(keep_giving_back())
        ending = await self._ending
        life.cancel()
        tidying.cancel()
        await self._drain(Deadline.after(settings.producer_drain_timeout_s))
        await asyncio.to_thread(telemetry.close, _TELEMETRY_LIMIT_S)
        match ending:
            case Failed(reason):
                logger.bind(reason=reason).error("ended")
                return 1
            case Signalled():
                logger.info("ended")
                return 0
            case _:
                assert_never(ending)

    async def _live(self) -> None:
        parts = self._parts
        try:
            # A producer that may not serve must not fence one that does: no lane gets a client before the facts agree.
            prepared = await parts.startup.facts(lambda reason: self._note(_START, Unavailable(reason)))
            parts.server.name_cluster(prepared.cluster_id)
            parts.lanes.start(prepared.schema_id, self._on_lane_report)
            self._note(_START, Available())
            await parts.startup.warm(parts.known, self._settings.producer_cache_records_max, prepared.schema_id)
            if parts.telemetry.traced:
                await self._observed.wait()
            parts.queue.open_for_calls(parts.lanes.give)
            self._note(_CACHE, Available())
            # What lives from here to the end need not be visited by the collector again.
            gc.collect()
            gc.freeze()
            self._end(Failed(await parts.startup.watch(prepared.topic_id)))
        except CannotServeError as error:
            self._end(Failed(str(error)))
        except Exception as error:  # noqa: BLE001 - a defect ends the process instead of leaving it half alive
            logger.exception("the start failed by a defect")
            self._end(Failed(f"{type(error).__name__}: {error}"))

    def _on_lane_report(self, report: LaneReport) -> None:
        self._parts.queue.on_lane_report(report)
        if report.availability is not None:
            self._note(_lane_part(report.lane), report.availability)
        if report.end is not None:
            self._end(Failed(report.end))

    def _note(self, part: str, availability: Availability) -> None:
        """Note what a part is, log the reason when that is new, and set the health of the whole."""
        new = self._readiness.note(part, availability)
        if new and isinstance(availability, Unavailable):
            logger.bind(part=part, reason=availability.reason).warning("not ready")
        self._set_health(self._readiness.whole())

    def _set_health(self, whole: Availability) -> None:
        if isinstance(whole, Unavailable):
            self._parts.queue.not_ready(whole.reason)
        serving = isinstance(whole, Available)
        if self._ending.done() or self._serving == serving:
            return
        self._serving = serving
        if serving:
            logger.info("ready")
        task = asyncio.ensure_future(self._parts.server.set_serving(serving))
        task.add_done_callback(lambda done: done.result())

    def _end(self, ending: Ending) -> None:
        if not self._ending.done():
            by = ending.name if isinstance(ending, Signalled) else ending.reason
            logger.bind(by=by, waiting=self._parts.queue.waiting).info("draining")
            self._ending.set_result(ending)

    async def _drain(self, deadline: Deadline) -> None:
        """Answer every call and end every lane."""
        server, queue = self._parts.server, self._parts.queue
        # 1. Health is NOT_SERVING and new calls are refused; those that wait go on as long as they can.
        await server.goodbye()
        queue.stop_accepting()
        reserve_s = min(_ANSWER_RESERVE_S, deadline.left_s() / 2)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(deadline.left_s() - reserve_s):
                await queue.drained()
                await server.quiet()
        # 2. Whoever still waits is answered, and nobody else is let in.
        await queue.close()
        await asyncio.wait({asyncio.create_task(server.stop(deadline.left_s()))}, timeout=deadline.left_s())
        # 3. The lanes end.
        await self._parts.lanes.stop(deadline)


def _lane_part(lane: int) -> str:
    return f"lane {lane}"
