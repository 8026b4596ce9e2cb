"""Uvicorn on a socket of ours, without its hold on signals."""

import contextlib
from collections.abc import Iterator

import uvicorn

from observability.asgi import App


class HttpServer(uvicorn.Server):
    """Uvicorn whose signals are the composition root's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def http_server(app: App, drain_s: float) -> HttpServer:
    """Return a server; ``serve(sockets=[...])`` runs it until ``should_exit``. Calls then have ``drain_s``."""
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=max(1, int(drain_s)),
        timeout_keep_alive=30,
    )
    return HttpServer(config)
