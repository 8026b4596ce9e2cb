"""An ASGI application on a real port of this machine, as the consumer serves it."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import uvloop

from consumer.rest.connections.limits import ConnectionLimits
from consumer.rest.http_server import http_server
from consumer.rest.listener import listen
from observability.asgi import App
from tests_support.waiting import eventually

DRAIN_S = 1.0
LIMITS = ConnectionLimits(connections_max=64, head_timeout_s=10.0, idle_timeout_s=30.0)


@dataclass(frozen=True)
class Served:
    """Where it is, and the loop that serves it."""

    url: str
    loop: asyncio.AbstractEventLoop

    def do(self, action: Callable[[], None]) -> None:
        """Do something in the loop, where what belongs to the loop may be touched."""
        self.loop.call_soon_threadsafe(action)


@contextmanager
def served(app: App, limits: ConnectionLimits = LIMITS) -> Iterator[Served]:
    """Serve an application in a thread."""
    listener = listen("127.0.0.1", 0)
    server = http_server(app, DRAIN_S, limits)
    loop = uvloop.new_event_loop()
    thread = threading.Thread(target=lambda: loop.run_until_complete(server.serve(sockets=[listener])), name="served")
    thread.start()
    try:
        eventually(lambda: server.started, 10, "the server listens")
        yield Served("http://{}:{}".format(*listener.getsockname()), loop)
    finally:
        server.should_exit = True
        thread.join()
        loop.close()
