"""Builds what serves REST. Imported while counting is under way in its thread: Litestar takes half a second."""

import socket
from dataclasses import dataclass

from consumer.assembly.http import http_application
from consumer.rest.connections.limits import ConnectionLimits
from consumer.rest.events import total_text
from consumer.rest.http_server import HttpServer, http_server
from consumer.rest.parts import RestParts
from consumer.settings import ConsumerSettings
from consumer.shell.jobs.record import AuditRecord, ExportRecord
from consumer.shell.jobs.store import JobStore
from consumer.shell.views.board import SnapshotBoard
from consumer.shell.views.feed import Feed
from consumer.shell.views.readers import Readers
from consumer.shell.views.readiness import Readiness
from observability.telemetry import Telemetry
from tally.generated.topics import SUMS


@dataclass(frozen=True)
class RestServer:
    """Serves on a socket until ``stop``."""

    http: HttpServer
    feed: Feed

    async def serve(self, listener: socket.socket) -> None:
        """Answer calls; returns once it was stopped and the calls in flight are answered, or their time is over."""
        await self.http.serve(sockets=[listener])

    def stop(self) -> None:
        """End the streams and take no more calls."""
        self.feed.close()
        self.http.should_exit = True


def rest_server(
    settings: ConsumerSettings,
    telemetry: Telemetry,
    connections: ConnectionLimits,
    *,
    board: SnapshotBoard,
    readers: Readers,
    readiness: Readiness,
    exports: JobStore[ExportRecord],
    audits: JobStore[AuditRecord],
) -> RestServer:
    """Return the server; from here on telemetry is sent."""
    feed = Feed(board, total_text, settings.rest_listeners_max)
    parts = RestParts(
        board=board,
        readers=readers,
        exports=exports,
        audits=audits,
        feed=feed,
        unready=readiness.reasons,
        topic=SUMS.name,
        partitions=SUMS.partitions,
        owner_url=settings.owner_url,
        wait_ms_max=settings.rest_wait_ms_max,
        page_rows_max=settings.rest_page_rows_max,
        metrics=telemetry.open().answer,
    )
    app = http_application(parts, settings, telemetry)
    return RestServer(http_server(app, settings.consumer_shutdown_timeout_ms / 2000, connections), feed)
