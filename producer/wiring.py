"""The composition root: builds every object of the producer, runs it, and ends it within one deadline."""

import asyncio
import contextlib
import gc
import signal
import time
from collections.abc import Callable
from functools import partial

from aiocache import SimpleMemoryCache  # type: ignore[import-untyped]
from loguru import logger

from contracts.generated.topics import SUMS
from observability.metrics_server import serve_metrics
from observability.telemetry import Telemetry
from producer.core.batching import Batch, Limits
from producer.core.idempotency import KnownIds
from producer.core.lane import Rules
from producer.settings import ProducerSettings
from producer.shell.desk import Desk
from producer.shell.event_encoder import EventEncoder
from producer.shell.grpc_server import Door
from producer.shell.kafka_transaction import LaneClient
from producer.shell.lane_thread import LaneThread, Post
from producer.shell.methods import TallyMethods
from producer.shell.startup import CannotServeError, Prepared, Startup
from producer.shell.telemetry import LaneMetrics, ObservedMethods, ObservedTransactions, observe_state
from producer.shell.topic import TopicAdmin
from producer.shell.traces import Traces
from tally.kafka.config import client_config
from tally.kafka.transactions import transactional_config
from tally.registry.configured import registry_of
from tally.service import process as service

_ANSWER_RESERVE_S = 1.0
"""Of the time to drain: for answering what could not be committed in the rest of it."""

_TELEMETRY_LIMIT_S = 2.0
"""For sending what was measured last; a backend that hangs must not hold up the end."""

_QUIET = {"log_level": "0"}
"""For clients whose errors come as exceptions: the client's own lines on standard error would say them again."""

_START, _CACHE = "start", "cache"


class Service:
    """The producer: STARTING (unready, listening) -> READY <-> UNREADY (a lane has no client) -> DRAINING -> ended.

    `run` is called once, in the event loop's thread, which is the only one that changes anything here.
    """

    def __init__(self, settings: ProducerSettings) -> None:
        self._settings = settings
        self._telemetry = Telemetry("producer", settings.producer_replica, settings.trace_ratio, settings.log_level)
        metrics = self._telemetry.metrics
        self._traces = Traces(self._telemetry, SUMS.name)
        self._kafka = client_config(settings.kafka_bootstrap_servers, settings.kafka_config)
        self._known = KnownIds(
            SimpleMemoryCache(timeout=None), SimpleMemoryCache(timeout=None), settings.producer_cache_records_max
        )
        limits = Limits(
            records_max=settings.producer_queue_records_max,
            bytes_max=settings.producer_queue_bytes_max,
            batch_records_max=settings.producer_batch_records_max,
        )
        self._desk = Desk(
            settings.producer_lanes, limits, self._known, self._on_report, settings.producer_gather_ms / 1000
        )
        methods = TallyMethods(self._desk, SUMS.name, SUMS.partitions, settings.producer_add_batch_max)
        self._door = Door(ObservedMethods(methods, metrics, self._traces), settings.grpc_message_bytes_max)
        quiet = self._quiet = {**self._kafka, **_QUIET}
        self._startup = Startup(
            SUMS, registry_of(settings), TopicAdmin(quiet, SUMS.name), quiet, partial(self._note, _START)
        )
        self._lanes: list[LaneThread] = []
        self._lane_metrics = LaneMetrics(metrics, SUMS.name)
        parts = [_START, _CACHE, *(f"lane {number}" for number in range(settings.producer_lanes))]
        self._reasons = dict.fromkeys(parts, "it is starting")
        self._serving = False
        observe_state(
            metrics,
            settings.producer_lanes,
            self._reasons.__getitem__,
            lambda: self._serving,
            lambda: self._desk.waiting,
        )
        self._observed = asyncio.Event()
        self._end: asyncio.Future[str] | None = None  # set to the reason; "" is a signal's

    async def run(self) -> int:
        """Serve until a signal or a reason to end. Returns the exit code. Raises PortTakenError, MetricsPortError."""
        loop = asyncio.get_running_loop()
        self._end = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, partial(self._end_with, "", number.name))
        await self._door.start(self._settings.grpc_host, self._settings.grpc_port)
        logger.bind(host=self._settings.grpc_host, port=self._settings.grpc_port).info("listening for gRPC")
        # Before metrics are there: a producer that was killed left transactions open, which the lanes' clients end.
        life = asyncio.create_task(self._live())
        await asyncio.to_thread(self._telemetry.load)
        exposition = self._telemetry.open()
        if self._settings.producer_metrics_port:
            host, port = self._settings.producer_metrics_host, self._settings.producer_metrics_port
            serve_metrics(exposition, host, port, "TALLY_PRODUCER_METRICS_PORT")
        self._observed.set()
        service.collect_garbage_again()
        cause = await self._end
        life.cancel()
        await self._drain()
        await asyncio.to_thread(self._telemetry.close, _TELEMETRY_LIMIT_S)
        if cause:
            logger.bind(reason=cause).error("ended")
            return 1
        logger.info("ended")
        return 0

    async def _live(self) -> None:
        try:
            # A producer that may not serve must not fence one that does: no lane gets a client before the facts agree.
            prepared = await self._startup.facts()
            self._start_lanes(prepared)
            self._note(_START, "")
            await self._startup.warm(self._known, self._settings.producer_cache_records_max, prepared.schema_id)
            if self._telemetry.traced:
                await self._observed.wait()
            self._desk.open_for_calls(self._hand)
            self._note(_CACHE, "")
            # What lives from here to the end need not be visited by the collector again.
            gc.collect()
            gc.freeze()
            self._end_with(await self._startup.watch(prepared.topic_id))
        except CannotServeError as error:
            self._end_with(str(error))
        except Exception as error:  # noqa: BLE001 - a defect ends the process instead of leaving it half alive
            logger.exception("the start failed by a defect")
            self._end_with(f"{type(error).__name__}: {error}")

    def _start_lanes(self, prepared: Prepared) -> None:
        settings = self._settings
        encoder = EventEncoder(prepared.schema_id)
        loop = asyncio.get_running_loop()
        post = partial(_post, loop, self._desk.on_post)
        timeout_s = settings.producer_transaction_timeout_ms / 1000
        rules = Rules(
            commit_limit_s=timeout_s, commit_slice_s=min(1.0, timeout_s), resolve_limit_s=max(30.0, 2 * timeout_s)
        )
        for number in range(settings.producer_lanes):
            config = transactional_config(
                self._kafka,
                f"tally-producer-{settings.producer_replica}-{number}",
                settings.producer_transaction_timeout_ms,
                settings.producer_socket_timeout_ms,
            )
            transactions = LaneClient(config, self._quiet, SUMS.name)
            observed = ObservedTransactions(number, transactions, self._lane_metrics, self._traces)
            self._lanes.append(LaneThread(number, observed, encoder, post, rules))
        for lane in self._lanes:
            lane.start()

    def _hand(self, lane: int, batch: Batch) -> None:
        self._lanes[lane].inbox.put(batch)

    def _on_report(self, post: Post) -> None:
        if post.report is not None:
            self._note(f"lane {post.lane}", post.report)
        if post.end is not None:
            self._end_with(post.end)

    def _note(self, part: str, reason: str) -> None:
        """Note why a part is not ready, or "" when it is."""
        known, self._reasons[part] = self._reasons[part], reason
        if reason and reason != known:
            logger.bind(part=part, reason=reason).warning("not ready")
        self._set_health("; ".join(f"{name}: {why}" for name, why in self._reasons.items() if why))

    def _set_health(self, why_unready: str) -> None:
        assert self._end is not None
        self._desk.not_ready(why_unready)
        if self._end.done() or self._serving == (not why_unready):
            return
        self._serving = not why_unready
        if self._serving:
            logger.info("ready")
        task = asyncio.ensure_future(self._door.set_serving(self._serving))
        task.add_done_callback(lambda done: done.result())

    def _end_with(self, cause: str, by: str = "") -> None:
        assert self._end is not None
        if not self._end.done():
            logger.bind(by=by or cause, waiting=self._desk.waiting).info("draining")
            self._end.set_result(cause)

    async def _drain(self) -> None:
        """Answer every call and end every lane, within one deadline."""
        until_s = time.monotonic() + self._settings.producer_drain_timeout_s

        def left_s() -> float:
            return max(0.0, until_s - time.monotonic())

        # 1. Health is NOT_SERVING and new calls are refused; those that wait go on as long as they can.
        await self._door.goodbye()
        self._desk.stop_accepting()
        reserve_s = min(_ANSWER_RESERVE_S, left_s() / 2)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(left_s() - reserve_s):
                await self._desk.idle()
                await self._door.quiet()
        # 2. Whoever waits still is answered, and nobody else is let in.
        await self._desk.close()
        await asyncio.wait({asyncio.create_task(self._door.stop(left_s()))}, timeout=left_s())
        # 3. The lanes end after what they have in hand, or are left behind: the next producer's clients end it.
        for lane in self._lanes:
            lane.stop()
        for lane in self._lanes:
            if not await asyncio.to_thread(lane.join, left_s()):
                logger.bind(lane=lane.number).warning("left behind with a transaction that may be open")


def _post(loop: asyncio.AbstractEventLoop, receive: Callable[[Post], None], post: Post) -> None:
    """Carry a lane's message over to the loop. After the loop's end nobody waits for it."""
    if not loop.is_closed():
        loop.call_soon_threadsafe(receive, post)
