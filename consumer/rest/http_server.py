"""Uvicorn on sockets of ours: bounded connections, and without its hold on signals."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from typing import Any, Final

import uvicorn

from consumer.rest.connections.acceptor import Acceptor
from consumer.rest.connections.limits import ConnectionLimits
from consumer.rest.connections.protocol import HEAD_BYTES_MAX, BoundedHttp
from consumer.rest.connections.slots import Slots
from observability.asgi import App

_BEFORE_THE_END_S: Final = 0.25
"""What is still under way then loses its connection, so that the end of its task is no error of anybody's."""


class HttpServer(uvicorn.Server):
    """Uvicorn whose signals are the composition root's and whose connections are bounded."""

    def __init__(self, config: uvicorn.Config, limits: ConnectionLimits) -> None:
        super().__init__(config)
        self._limits = limits

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Take connections on ``sockets``."""
        assert sockets, "the listener is bound before anything else is made"
        await self.lifespan.startup()
        slots: Slots[BoundedHttp] = Slots(self._limits.connections_max)

        def connection() -> BoundedHttp:
            return BoundedHttp(self.config, self.server_state, self._limits, slots)

        self.servers: list[Any] = [Acceptor(listener, slots, connection) for listener in sockets]
        self.started = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Answer what is under way and end by the deadline."""
        deadline_s = self.config.timeout_graceful_shutdown or 0
        late = asyncio.get_running_loop().call_later(max(0.0, deadline_s - _BEFORE_THE_END_S), self._abort)
        try:
            await super().shutdown(sockets)
        finally:
            late.cancel()

    def _abort(self) -> None:
        for connection in list(self.server_state.connections):
            assert isinstance(connection, BoundedHttp)
            connection.abort()


def http_server(app: App, drain_s: float, limits: ConnectionLimits) -> HttpServer:
    """Return a server; ``serve(sockets=[...])`` runs it until ``should_exit``. Calls then have ``drain_s``."""
    config = uvicorn.Config(
        _ended_quietly(app),
        http="h11",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        h11_max_incomplete_event_size=HEAD_BYTES_MAX,
        timeout_graceful_shutdown=max(1, int(drain_s)),
    )
    return HttpServer(config, limits)


def _ended_quietly(app: App) -> App:
    """Take the cancelling of a call by the server's end for what it is; uvicorn would log a traceback for each."""

    async def ended_quietly(scope: Any, receive: Any, send: Any) -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await app(scope, receive, send)

    return ended_quietly
