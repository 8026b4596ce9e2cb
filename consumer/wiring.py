"""The composition root: builds every object of the consumer, runs it, and ends it within one deadline."""

import asyncio
import os
import signal
import socket
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from loguru import logger

from consumer.core.snapshot import Unready, unready_partitions
from consumer.settings import ConsumerSettings
from consumer.shell.ingest.loop import IngestLoop, LoopConfig, Parts
from consumer.shell.ingest.loop_observer import LoopObserver, LoopObservers
from consumer.shell.ingest.metrics import LoopMetrics, observe_board
from consumer.shell.jobs.record import AuditRecord, ExportRecord
from consumer.shell.jobs.store import JobLimits, JobStore
from consumer.shell.kafka.dead_letters import DeadLetterPublisher, letter_clients
from consumer.shell.kafka.group_offsets import GroupOffsets
from consumer.shell.kafka.record_reader import RecordReader
from consumer.shell.kafka.source import KafkaSource, SourceConfig
from consumer.shell.partitions.recovery import PartitionRecovery
from consumer.shell.schemas import Schemas
from consumer.shell.views.board import SnapshotBoard
from consumer.shell.views.feed import Feed
from consumer.shell.views.observer import Observer
from consumer.shell.views.readers import Readers
from observability.telemetry import Telemetry
from tally.base.deadline import Deadline
from tally.generated.topics import SUMS, SUMS_DLT
from tally.kafka.config import client_config
from tally.kafka.facts import KafkaFacts, TopicLogs
from tally.kafka.trouble import ConsumerEndedError
from tally.ledger.storage.disk import RealDisk
from tally.ledger.storage.errors import LedgerFailed
from tally.ledger.storage.ledger import Ledger
from tally.registry.configured import registry_of
from tally.service import process as service

if TYPE_CHECKING:
    from consumer.rest.http_server import HttpServer

_JOB_THREADS = SUMS.partitions
"""Recoveries and publications side by side; they wait for Kafka most of the time."""
_STARTING_SWITCH_S = 0.0005
"""How soon the interpreter goes over to another thread while REST is imported, which is one long computation: the
threads that recover and count would wait the default of 5 ms after each answer of Kafka."""
_TELEMETRY_LIMIT_S = 2.0
"""For sending what was measured last; a backend that hangs must not hold up the end."""
_EXIT_DISK_FAILED = 74
"""EX_IOERR of sysexits.h."""

_QUIET = {"log_level": "2"}
"""Kafka's clients print critical lines only; their errors come back as exceptions and callbacks. A properties file may
say otherwise, for finding out what a client does."""


class Service:
    """The consumer: STARTING -> SERVING -> DRAINING -> ended. ``run`` is called once, in the main thread."""

    def __init__(self, settings: ConsumerSettings) -> None:
        """Build everything; nothing is connected yet but Kafka's clients. Raises KafkaException, OSError."""
        self._settings = settings
        self._telemetry = Telemetry("consumer", settings.consumer_replica, settings.trace_ratio, settings.log_level)
        metrics = self._telemetry.metrics
        loop_observer = _loop_observer(self._telemetry)
        shared = {**_QUIET, **client_config(settings.kafka_bootstrap_servers, settings.kafka_config)}
        kafka_s = settings.consumer_kafka_timeout_ms / 1000
        self._board = SnapshotBoard(SUMS.partitions, settings.rest_waiters_max)
        self._readers = Readers()
        facts = KafkaFacts(shared, SUMS.name, kafka_s)
        offsets = GroupOffsets(shared, SUMS.name, settings.consumer_group, kafka_s)
        schemas = self._schemas = Schemas(registry_of(settings), settings.consumer_schema_denials_ms / 1000)
        jobs = self._jobs = ThreadPoolExecutor(_JOB_THREADS, thread_name_prefix="job")
        self._source = KafkaSource(shared, _source_config(settings))
        self._exports = JobStore(
            settings.exports_dir,
            ExportRecord,
            "exports",
            JobLimits(settings.exports_kept_max, settings.exports_queued_max),
        )
        self._audits = JobStore(
            settings.audits_dir, AuditRecord, "audits", JobLimits(settings.audits_kept_max, settings.audits_queued_max)
        )
        self._observer = Observer(
            facts,
            GroupOffsets(shared, SUMS.name, settings.consumer_group, kafka_s),  # see its theory of operation
            self._board,
            settings.totals_path,
            partitions=SUMS.partitions,
            refresh_s=settings.consumer_witness_refresh_ms / 1000,
            totals_interval_s=settings.consumer_totals_interval_ms / 1000,
        )
        publisher = DeadLetterPublisher(letter_clients(shared, SUMS_DLT.name, kafka_s), offsets, SUMS.name, kafka_s)
        sums = RecordReader(shared, SUMS.name, kafka_s)
        self._loop = IngestLoop(
            Parts(
                source=self._source,
                facts=facts,
                recovery=PartitionRecovery(
                    facts=facts,
                    offsets=offsets,
                    schemas=schemas,
                    sums=sums,
                    dead_letter_facts=TopicLogs(shared, SUMS_DLT.name, kafka_s),
                    dead_letters=RecordReader(shared, SUMS_DLT.name, kafka_s),
                    settle=publisher.settle,
                    ledger_dir=settings.ledger_dir,
                    topic=SUMS.name,
                    partitions=SUMS.partitions,
                    open_ledger=partial(Ledger.open, disk=RealDisk(loop_observer.synced)),
                ),
                sums=sums,
                publisher=publisher,
                schemas=schemas,
                board=self._board,
                readers=self._readers,
                fsyncs=ThreadPoolExecutor(settings.consumer_fsync_threads, thread_name_prefix="fsync"),
                jobs=jobs,
                observer=loop_observer,
            ),
            LoopConfig(
                partitions=SUMS.partitions,
                owner_url=settings.owner_url,
                retry_s=settings.consumer_retry_ms / 1000,
            ),
        )
        self._server: HttpServer | None = None
        self._feed: Feed | None = None
        self._draining = False
        observe_board(metrics, self._board, self._unready)
        self._end: asyncio.Future[int] | None = None

    async def run(self, listener: socket.socket) -> int:
        """Serve until a signal or a reason to end; return the exit code."""
        loop = asyncio.get_running_loop()
        self._end = loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, partial(self._end_with, 0, f"{number.name}: draining"))
        # Counting goes on before REST is there: a consumer that was killed has records waiting.
        ingest = threading.Thread(target=self._ingest, args=(loop,), name="ingest", daemon=True)
        observer = threading.Thread(target=self._observer.run, name="observer", daemon=True)
        usual_s = sys.getswitchinterval()
        sys.setswitchinterval(_STARTING_SWITCH_S)
        ingest.start()
        # While the group is joined. Whoever needs the ids asks again, and tells what is wrong.
        self._jobs.submit(self._schemas.own)
        observer.start()
        server = self._server = self._http_server()
        sys.setswitchinterval(usual_s)
        service.collect_garbage_again()
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        logger.bind(host=self._settings.rest_host, port=self._settings.rest_port).info("listening for REST")
        code = await self._end
        drained = await self._drain(serving, [ingest, observer])
        await asyncio.to_thread(self._telemetry.close, _TELEMETRY_LIMIT_S)
        if not drained:
            logger.warning("not all was finished in time; the ledger has what is counted, the rest is read again")
        logger.info("ended")
        return code

    async def _drain(self, serving: "asyncio.Task[None]", threads: list[threading.Thread]) -> bool:
        """End everything within one deadline; return whether all of it ended."""
        self._draining = True
        deadline = Deadline.after(self._settings.consumer_shutdown_timeout_ms / 1000)
        self._loop.stop(deadline)
        self._observer.stop()
        if self._feed is not None:
            self._feed.close()
        if self._server is not None:
            self._server.should_exit = True
        ends = [asyncio.create_task(asyncio.to_thread(thread.join)) for thread in threads]
        ends += [asyncio.create_task(asyncio.to_thread(store.close)) for store in (self._exports, self._audits)]
        _, pending = await asyncio.wait([serving, *ends], timeout=deadline.left_s())
        return not pending

    def _http_server(self) -> "HttpServer":
        # Imported here, with counting under way in its thread: Litestar takes half a second.
        from consumer.rest.app import build_app, route_of  # noqa: PLC0415
        from consumer.rest.events import total_text  # noqa: PLC0415
        from consumer.rest.http_server import http_server  # noqa: PLC0415
        from consumer.rest.parts import RestParts  # noqa: PLC0415
        from observability.asgi import ObservedHttp  # noqa: PLC0415

        settings = self._settings
        self._feed = Feed(self._board, total_text, settings.rest_listeners_max)
        parts = RestParts(
            board=self._board,
            readers=self._readers,
            exports=self._exports,
            audits=self._audits,
            feed=self._feed,
            unready=self._unready,
            topic=SUMS.name,
            partitions=SUMS.partitions,
            owner_url=settings.owner_url,
            wait_ms_max=settings.rest_wait_ms_max,
            page_rows_max=settings.rest_page_rows_max,
            metrics=self._telemetry.open().answer,
        )
        app = ObservedHttp(build_app(parts), self._telemetry, route_of)
        return http_server(app, settings.consumer_shutdown_timeout_ms / 2000)

    def _ingest(self, loop: asyncio.AbstractEventLoop) -> None:
        """Run the ingest loop in its thread; however it ends, the process ends with it."""
        try:
            self._loop.run()
        except LedgerFailed as error:
            # Nothing may be tried again or tidied up: what is on the disk is found out by the next start.
            logger.critical("the disk failed, the process ends at once: {}", error)
            sys.stderr.flush()
            os._exit(_EXIT_DISK_FAILED)
        except ConsumerEndedError as error:
            loop.call_soon_threadsafe(self._end_with, 1, str(error))
        except Exception:  # noqa: BLE001 - a defect; it is logged and ends the process
            logger.exception("the ingest loop ended by a defect")
            loop.call_soon_threadsafe(self._end_with, 1, "the ingest loop ended by a defect")

    def _end_with(self, code: int, why: str) -> None:
        if self._end is not None and not self._end.done():
            if code:
                logger.error("ends: {}", why)
            else:
                logger.info("ends: {}", why)
            self._end.set_result(code)

    def _unready(self) -> list[Unready]:
        """Return every reason for which this replica is not ready."""
        reasons = [Unready("process", "it is ending")] if self._draining else []
        complaint = self._source.complaint
        # The client complains at once, the observer notices after its time-out; only it knows that the trouble is over.
        trouble = self._observer.trouble or (complaint.text if complaint.at_s > self._observer.answered_at_s else "")
        if trouble:
            reasons.append(Unready("kafka", trouble))
        return reasons + unready_partitions(self._board.snapshot)


def _loop_observer(telemetry: Telemetry) -> LoopObserver:
    measures = LoopMetrics(telemetry.metrics, SUMS.name)
    if not telemetry.traced:
        return measures
    # Imported here: the SDK takes longer than a consumer that was killed needs to count again.
    from consumer.shell.ingest.traces import LoopTraces  # noqa: PLC0415

    return LoopObservers(measures, LoopTraces(telemetry, SUMS.name))


def _source_config(settings: ConsumerSettings) -> SourceConfig:
    return SourceConfig(
        topic=SUMS.name,
        group=settings.consumer_group,
        replica=settings.consumer_replica,
        group_protocol=settings.consumer_group_protocol,
        session_timeout_ms=settings.consumer_session_timeout_ms,
        block_records_max=settings.consumer_block_records_max,
        block_wait_ms=settings.consumer_block_wait_ms,
        prefetch_kbytes=settings.consumer_prefetch_kbytes,
    )
