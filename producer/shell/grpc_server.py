"""The server on grpc.aio: its limits, its address, health and reflection beside the methods.

What a stranger can take of the process has a bound, whatever he sends: connections by `_options`, calls by `Calls`, and
messages that are on the way by `Intake`. docs/LIMITS.md says what it amounts to.
"""

import asyncio
import logging
import socket
from dataclasses import dataclass
from itertools import groupby
from typing import Final

import grpc
from grpc_health.v1 import health, health_pb2  # type: ignore[import-untyped]
from loguru import logger

from producer.core.ports import Methods
from producer.shell.grpc_calls import Calls
from producer.shell.health import ClusterHealth, health_handler
from producer.shell.intake import Intake
from producer.shell.reflection import reflection_handlers

_PINGS_APART_MIN_MS: Final = 5_000
"""Between a client's pings; a client that keeps pinging faster is sent away. Clients of grpc-go never ping more often
than every 10 s, and those of grpcio are usually told 10 s; a server's own default is 300 s."""
_KEEPALIVE_MS: Final = 60_000
_KEEPALIVE_TIMEOUT_MS: Final = 20_000
_LIBRARY_LOG: Final = "grpc._cython.cygrpc"
_STRANGERS_DOING: Final = (
    "Invalid encoding on",  # a header whose value is no UTF-8
    "ExecuteBatchError raised in core by servicer method",  # a call taken back before its answer could be sent
    "'utf-8' codec can't decode",  # a call whose path is no UTF-8; see GrpcServer._listen_again
)
_COMPILED_TASK: Final = "<coroutine without __name__>"
"""How asyncio calls a task of gRPC's compiled code; ours have names."""
_HANDSHAKE_MS: Final = 5_000
"""For the first bytes of a connection; clients send them at once."""
_IDLE_MS: Final = 600_000
"""Without a call. The client's next one opens another connection."""
_STREAMS_MAX: Final = 1_000
"""Calls at a time on one connection; a client keeps further ones back, once it has read this limit. What it has sent by
then is refused as UNAVAILABLE, so the limit is above what programs begin at once."""
_PENDING_MAX: Final = 10_000
"""Calls that wait to be taken up. From here on, by default from 1,000, gRPC cancels new calls at random, whosever they
are: a client that began calls and took them back at once ended most calls of all others (seen with 1.85)."""
_LOOK_S = 0.2
"""Between looks whether gRPC has ended the server; for so long nobody may be listening."""
_ENDING_S = 5.0
"""For calls in flight at a server that gRPC has ended."""
_AGAIN_S = 1.0
"""Between attempts to listen at a port that somebody took meanwhile."""
_QUIET_S = 0.1
"""Longer than calls sent before the health changed are on the way, within one site."""


class PortTakenError(Exception):
    """Somebody already listens there; the message is one line and names the setting that moves the port."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcLimits:
    """What callers may take of the process."""

    message_bytes_max: int
    calls_max: int
    reading_max: int
    connections_max: int


class GrpcServer:
    """The server. It listens from `start` on; its health is NOT_SERVING until `set_serving`."""

    def __init__(self, methods: Methods, limits: GrpcLimits) -> None:
        logging.getLogger(_LIBRARY_LOG).addFilter(_no_strangers_doing)
        logging.getLogger("asyncio").addFilter(_no_task_of_the_library)
        self._limits = limits
        self._health = ClusterHealth()
        self._calls = Calls(limits.calls_max, Intake(limits.reading_max))
        services = {name: list(rpcs) for name, rpcs in groupby(methods, key=lambda rpc: rpc.service)}
        self._services = list(services)
        handlers = [self._calls.of_methods(name, rpcs) for name, rpcs in services.items()]
        reflected = reflection_handlers(self._calls, [*self._services, health.SERVICE_NAME])
        self._handlers = [*handlers, health_handler(self._calls, self._health), *reflected]
        self._server: grpc.aio.Server | None = None
        self._ending: dict[grpc.aio.Server, asyncio.Task[None]] = {}
        """Those that gRPC has ended, as long as they have calls in flight."""
        self._changing = asyncio.Lock()
        self._watch: asyncio.Task[None] | None = None
        self._stopping = False

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises PortTakenError."""
        await self.set_serving(False)
        self._server = await self._listening(host, port)
        self._watch = asyncio.create_task(self._listen_again(self._server, host, port))

    async def set_serving(self, serving: bool) -> None:
        """Set the health of each service and of the whole server."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in (*self._services, ""):
            await self._health.set(name, status)

    def name_cluster(self, cluster_id: str) -> None:
        """Let the health name the Kafka cluster that additions go to."""
        self._health.cluster_id = cluster_id

    async def goodbye(self) -> None:
        """Set the health to NOT_SERVING for good; calls are still taken and answered."""
        await self._health.enter_graceful_shutdown()

    async def quiet(self) -> None:
        """Return when no call has come for a moment.

        A server that stops cancels the calls that it has not taken yet, and their callers see CANCELLED; so it is
        stopped only when there are none.
        """
        before = -1
        while before != self._calls.count:
            before = self._calls.count
            await asyncio.sleep(_QUIET_S)

    async def stop(self, grace_s: float) -> None:
        """Stop, and return when the calls in flight are answered or the time is over."""
        self._stopping = True  # the watch ends with the server; cancelled, it would cancel gRPC's own wait for that
        async with self._changing:  # a server that begins to listen is not stopped half-way
            servers = {*self._ending, *filter(None, [self._server])}
        await asyncio.gather(*(server.stop(grace_s) for server in servers))

    async def _listening(self, host: str, port: int) -> grpc.aio.Server:
        """Return a new server that listens. Raises PortTakenError."""
        require_free(host, port)  # first: gRPC keeps what it has made for a port that it does not get
        server = grpc.aio.server(options=_options(self._limits))
        server.add_generic_rpc_handlers(self._handlers)
        try:
            server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            raise PortTakenError(_taken(host, port, str(error))) from error
        await server.start()
        return server

    async def _listen_again(self, server: grpc.aio.Server, host: str, port: int) -> None:
        """Whenever gRPC ends the server by itself, listen with a new one.

        grpc.aio 1.84 and later decode a call's path where they accept calls, and end the server when it is no UTF-8: a
        single call of a stranger would be the last one (decision 0029). Calls in flight have a moment to end.
        """
        while not self._stopping:
            try:
                # With no time given it would wait for calls in flight, such as a watched health, for ever.
                await server.wait_for_termination(_LOOK_S)
            except Exception as error:  # noqa: BLE001 - whatever gRPC met where it accepts calls
                logger.bind(error=repr(error)).error("gRPC ended its server; listening with a new one")
                self._ending[server] = asyncio.create_task(self._let_end(server))
                server = await self._listening_at_last(host, port) or server

    async def _let_end(self, server: grpc.aio.Server) -> None:
        try:
            await server.stop(_ENDING_S)
        finally:
            del self._ending[server]

    async def _listening_at_last(self, host: str, port: int) -> grpc.aio.Server | None:
        """Return a new server, whatever keeps it from listening for a while; None once this one is to stop."""
        while not self._stopping:
            async with self._changing:
                try:
                    self._server = await self._listening(host, port)
                except Exception as error:  # noqa: BLE001 - it is tried for as long as the process lives
                    logger.bind(error=str(error)).error("cannot listen for gRPC yet; still trying")
                else:
                    return self._server
            await asyncio.sleep(_AGAIN_S)
        return None


def _no_strangers_doing(record: logging.LogRecord) -> bool:
    """Keep out of the log the tracebacks that callers could have gRPC write, as many as they like."""
    return not str(record.msg).startswith(_STRANGERS_DOING)


def _no_task_of_the_library(record: logging.LogRecord) -> bool:
    """Keep out of the log that gRPC's own task, by which it ends a server, fails by what it ended for."""
    text = str(record.msg)
    return not (text.startswith("Task exception was never retrieved") and _COMPILED_TASK in text)


def require_free(host: str, port: int) -> None:
    """Raise PortTakenError when nobody can listen there. gRPC itself would log several lines of its own."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            raise PortTakenError(_taken(host, port, error.strerror or str(error))) from error


def _taken(host: str, port: int, why: str) -> str:
    return f"cannot listen on {host}:{port} for gRPC ({why}): stop what uses it, or set TALLY_GRPC_PORT to another port"


def _options(limits: GrpcLimits) -> list[tuple[str, int]]:
    return [
        # Two servers that share a port by mistake would each get half of the calls.
        ("grpc.so_reuseport", 0),
        ("grpc.max_receive_message_length", limits.message_bytes_max),
        ("grpc.max_send_message_length", -1),  # bounded by the number of additions in a batch
        # A client that keeps its connection alive by pings, with or without calls, must not be sent away.
        ("grpc.http2.min_ping_interval_without_data_ms", _PINGS_APART_MIN_MS),
        ("grpc.keepalive_permit_without_calls", 1),
        # When a client's machine is gone, this is noticed, and the connection is closed.
        ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
        ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
        # One more is closed at once. Those who say nothing, or make no calls, do not keep their places.
        ("grpc.max_allowed_incoming_connections", limits.connections_max),
        ("grpc.server_handshake_timeout_ms", _HANDSHAKE_MS),
        ("grpc.max_connection_idle_ms", _IDLE_MS),
        ("grpc.max_concurrent_streams", _STREAMS_MAX),
        ("grpc.server.max_pending_requests", _PENDING_MAX),
        ("grpc.server.max_pending_requests_hard_limit", 2 * _PENDING_MAX),
        # It would let clients send up to 16 MiB of each call before anybody reads it.
        ("grpc.http2.bdp_probe", 0),
    ]
