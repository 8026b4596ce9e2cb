"""Takes new connections, counted before anything is made for them.

The event loop's own server takes all that wait in one go and only then asks what to do with them: a thousand silent
callers would have a thousand descriptors, and a ledger could not open its next segment.
"""

import asyncio
import contextlib
import socket
from collections import deque
from collections.abc import Callable
from typing import Final

from loguru import logger

from consumer.rest.connections.protocol import BUSY, BoundedHttp
from consumer.rest.connections.slots import Slots

_AT_ONCE: Final = 32
"""Taken before other work of the loop gets its turn."""
_REFUSED_MAX: Final = 32
_REFUSED_S: Final = 0.5
"""For a caller to read why, and for as many callers at the same time."""
_AGAIN_S: Final = 1.0
"""After the system had no descriptor or memory for a connection."""


class Acceptor:
    """Listens from its making until ``close``, which is all that uvicorn asks of a server. In the event loop only."""

    def __init__(self, listener: socket.socket, slots: Slots[BoundedHttp], make: Callable[[], BoundedHttp]) -> None:
        self._loop = asyncio.get_running_loop()
        self._listener = listener
        self._slots = slots
        self._make = make
        self._beginnings: set[asyncio.Task[None]] = set()
        self._refused: deque[socket.socket] = deque()
        self._again: asyncio.TimerHandle | None = None
        listener.setblocking(False)
        self._listen()

    def close(self) -> None:
        """Take no more connections, and close the refused ones. Whoever made the listener closes it."""
        self._loop.remove_reader(self._listener)
        if self._again is not None:
            self._again.cancel()
        while self._refused:
            self._close_refused()

    async def wait_closed(self) -> None:
        """Return once the connections that were being made are made."""
        await asyncio.gather(*self._beginnings)

    def _listen(self) -> None:
        self._loop.add_reader(self._listener, self._accept)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, _address = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                logger.warning("REST takes no connection for {:g} s: {}", _AGAIN_S, error.strerror or error)
                self._loop.remove_reader(self._listener)
                self._again = self._loop.call_later(_AGAIN_S, self._listen)
                return
            self._begin(accepted)

    def _begin(self, accepted: socket.socket) -> None:
        accepted.setblocking(False)
        if self._slots.full and (waiting := self._slots.longest_waiting()) is not None:
            waiting.give_way()
        if self._slots.full:
            self._refuse(accepted)
            return
        connection = self._make()
        self._slots.enter(connection)
        task = self._loop.create_task(self._make_transport(connection, accepted), name="rest-connection")
        self._beginnings.add(task)
        task.add_done_callback(self._beginnings.discard)

    def _refuse(self, accepted: socket.socket) -> None:
        """Say why, and close a little later: what the caller sends meanwhile would take the answer away from it."""
        with contextlib.suppress(OSError):
            accepted.send(BUSY)
            accepted.shutdown(socket.SHUT_WR)
        self._refused.append(accepted)
        if len(self._refused) > _REFUSED_MAX:
            self._close_refused()
        else:
            self._loop.call_later(_REFUSED_S, self._close_refused)

    def _close_refused(self) -> None:
        if self._refused:
            self._refused.popleft().close()

    async def _make_transport(self, connection: BoundedHttp, accepted: socket.socket) -> None:
        try:
            await self._loop.connect_accepted_socket(lambda: connection, accepted)
        except OSError:  # it left again
            self._slots.leave(connection)
            accepted.close()
