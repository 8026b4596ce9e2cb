"""Methods served by gRPC in this process, in a thread of its own: no broker, and only the port is told."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from producer.core.ports import Methods
from producer.shell.grpc_server import GrpcLimits, GrpcServer
from stack import Ports

LIMITS: Final = GrpcLimits(message_bytes_max=1 << 20, calls_max=40, reading_max=8, connections_max=100)
_LIMIT_S = 20.0


@contextmanager
def served(methods: Methods, limits: GrpcLimits = LIMITS) -> Iterator[int]:
    """Serve methods and yield the port."""
    port = Ports.free().grpc
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def opened() -> GrpcServer:
        server = GrpcServer(methods, limits)
        await server.start("127.0.0.1", port)
        return server

    server = asyncio.run_coroutine_threadsafe(opened(), loop).result(_LIMIT_S)
    try:
        yield port
    finally:
        asyncio.run_coroutine_threadsafe(server.stop(0), loop).result(_LIMIT_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_LIMIT_S)
        loop.close()
