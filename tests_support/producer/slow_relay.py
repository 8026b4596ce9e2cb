"""A TCP relay on loopback that holds back what clients send: a network that became slow."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

from tests_support.waiting import pause

CHUNK_BYTES = 1 << 16


class SlowRelay:
    """Relays to a port; a ``with`` block is its life. ``port`` is where clients connect."""

    def __init__(self, to_port: int, delay_s: float) -> None:
        self._to_port = to_port
        self._delay_s = delay_s
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets: list[socket.socket] = [self._listener]
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._to_port))
                self._sockets += [client, server]
                for source, sink, delay_s in ((client, server, self._delay_s), (server, client, 0.0)):
                    threading.Thread(target=self._pump, args=(source, sink, delay_s), daemon=True).start()

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket, delay_s: float) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(CHUNK_BYTES):
                pause(delay_s)
                sink.sendall(data)
