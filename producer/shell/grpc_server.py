"""The server on grpc.aio: calls to the methods, refusals to statuses, health, reflection."""

import asyncio
import socket
from collections.abc import Mapping
from functools import partial
from itertools import groupby
from typing import Any, Final, TypeAlias

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from loguru import logger

from producer.core import refusals
from producer.core.ports import DEADLINE_MAX_S, Incoming, Methods, Request, Response, Rpc
from producer.core.refusals import Refusal
from producer.shell.reflection import add_reflection
from producer.shell.rpc_status import status_of

_DETAILS_KEY = "grpc-status-details-bin"
_PINGS_APART_MIN_MS: Final = 5_000
"""Between a client's pings; a client that keeps pinging faster is sent away. Clients of grpc-go never ping more often
than every 10 s, and those of grpcio are usually told 10 s; a server's own default is 300 s."""
_KEEPALIVE_MS: Final = 60_000
_KEEPALIVE_TIMEOUT_MS: Final = 20_000
_QUIET_S = 0.1
"""Longer than calls sent before the health changed are on the way, within one site."""
_CODES = {code.value[0]: code for code in grpc.StatusCode}

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class PortTakenError(Exception):
    """Somebody already listens there; the message is one line and names the setting that moves the port."""


class Calls:
    """Carries calls to the methods. gRPC cancels the task of a call when its caller is gone.

    gRPC's own handlers for one request and one answer are not used: they never answer a call that ends without a
    message (seen with 1.85) or that never sends one, and answer bytes that do not decode with UNKNOWN, which tells a
    caller to retry. So a call's message is read and decoded here.
    """

    def __init__(self) -> None:
        self.count = 0
        """How many calls have come; when it stands still, nobody is calling."""

    def handlers(self, service: str, rpcs: Methods) -> grpc.GenericRpcHandler:
        """Return what a server needs to serve the RPCs of a service."""
        handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {
            rpc.name: grpc.stream_unary_rpc_method_handler(partial(self._carry, rpc)) for rpc in rpcs
        }
        return grpc.method_handlers_generic_handler(service, handlers)

    async def _carry(self, rpc: Rpc[Request, Response], _messages: object, context: _Context) -> bytes:
        """Hand a call to its method, and the answer or refusal back."""
        self.count += 1
        request = await _request(rpc.request_type, context)
        if not isinstance(request, Refusal):
            incoming = Incoming(request, context.time_remaining(), lambda: _metadata(context))
            try:
                answer = await rpc.method(incoming)
            except Exception:  # noqa: BLE001 - the caller gets a typed answer, whatever the defect
                logger.exception("a call failed by a defect")
                answer = refusals.internal()
        else:
            answer = request
        if isinstance(answer, Refusal):
            details = status_of(answer).SerializeToString()
            await context.abort(_CODES[answer.code], answer.message, ((_DETAILS_KEY, details),))
        return answer.SerializeToString()


async def _request(kind: type[Request], context: _Context) -> Request | Refusal:
    """Return the first message of a call; a second one is not read."""
    try:
        async with asyncio.timeout(DEADLINE_MAX_S):
            message = await context.read()
    except TimeoutError:
        return refusals.no_message(f"none came within {DEADLINE_MAX_S:.0f} s")
    if not isinstance(message, bytes):
        return refusals.no_message("the call ended without one")
    try:
        return kind.FromString(message)
    except DecodeError:
        return refusals.undecodable(kind.DESCRIPTOR.full_name, len(message))


class GrpcServer:
    """The server. It listens from `start` on; its health is NOT_SERVING until `set_serving`."""

    def __init__(self, methods: Methods, message_bytes_max: int) -> None:
        self._server = grpc.aio.server(
            options=[
                # Two servers that share a port by mistake would each get half of the calls.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", message_bytes_max),
                ("grpc.max_send_message_length", -1),  # bounded by the number of additions in a batch
                # A client that keeps its connection alive by pings, with or without calls, must not be sent away.
                ("grpc.http2.min_ping_interval_without_data_ms", _PINGS_APART_MIN_MS),
                ("grpc.keepalive_permit_without_calls", 1),
                # When a client's machine is gone, this is noticed, and the connection is closed.
                ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
                ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
            ]
        )
        self._health = health.aio.HealthServicer()
        self._calls = Calls()
        services = {name: list(rpcs) for name, rpcs in groupby(methods, key=lambda rpc: rpc.service)}
        self._services = list(services)
        self._server.add_generic_rpc_handlers([self._calls.handlers(name, rpcs) for name, rpcs in services.items()])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        add_reflection(self._server, [*self._services, health.SERVICE_NAME])

    async def start(self, host: str, port: int) -> None:
        """Listen. Raises PortTakenError."""
        require_free(host, port)
        try:
            self._server.add_insecure_port(f"{host}:{port}")
        except RuntimeError as error:
            raise PortTakenError(_taken(host, port, str(error))) from error
        await self.set_serving(False)
        await self._server.start()

    async def set_serving(self, serving: bool) -> None:
        """Set the health of each service and of the whole server."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in (*self._services, ""):
            await self._health.set(name, status)

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
        await self._server.stop(grace_s)


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


def _metadata(context: _Context) -> Mapping[str, str]:
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
