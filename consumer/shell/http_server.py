"""Uvicorn on a socket of ours, without its hold on signals."""

import contextlib
import socket
from collections.abc import Iterator

import psutil
import uvicorn
from litestar import Litestar


class PortTakenError(Exception):
    """Nobody can listen there; the message names the setting that moves it and who holds it."""


class HttpServer(uvicorn.Server):
    """Uvicorn whose signals are the composition root's."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals alone."""
        yield


def http_server(app: Litestar, drain_s: float) -> HttpServer:
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


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises PortTakenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise PortTakenError(
            f"TALLY_REST_PORT is {port}: REST cannot listen on {host}:{port}: {error.strerror or error}"
            f"{_held_by(port)}; set TALLY_REST_PORT to another port"
        ) from error
    return listener


def _held_by(port: int) -> str:
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            here = connection.laddr
            if connection.status == psutil.CONN_LISTEN and here and here.port == port and connection.pid:
                return f", it is taken by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return ""
