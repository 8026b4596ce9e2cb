"""The socket that REST is served on. Bound before anything else is made: a taken port ends the start at once."""

import contextlib
import socket
from typing import Final

_TAKES_NOTHING_MS: Final = 30_000
"""A caller that takes nothing of an answer for so long loses its connection, which would hold memory for ever."""


class PortTakenError(Exception):
    """Nobody can listen there; the message names the setting that moves it and who holds it."""


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket. Raises PortTakenError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; what is accepted takes it over
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _TAKES_NOTHING_MS)
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
    import psutil  # noqa: PLC0415 - only a taken port needs it

    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections(kind="tcp"):
            here = connection.laddr
            if connection.status == psutil.CONN_LISTEN and here and here.port == port and connection.pid:
                return f", it is taken by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return ""
