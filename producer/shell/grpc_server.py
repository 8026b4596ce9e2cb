"""The door that grpc.aio carries: calls to the methods, refusals to statuses, health, reflection."""

import asyncio
import socket
from collections.abc import Mapping
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from loguru import logger

from contracts.generated.tally.v1 import tally_pb2
from producer.core import refusals
from producer.core.ports import DEADLINE_MAX_S, Incoming, Method, Methods
from producer.core.refusals import Refusal
from producer.shell.reflection import add_reflection
from producer.shell.rpc_status import status_of

SERVICE_NAME = tally_pb2.DESCRIPTOR.services_by_name["TallyService"].full_name
_DETAILS_KEY = "grpc-status-details-bin"
_PINGS_APART_MIN_MS: Final = 5_000
"""Of a client's pings; one that pings faster again and again is sent away. grpc-go's clients never ping more often than
each 10 s, and 10 s is what those of grpcio are usually told; by its own default a server wants 300 s."""
_KEEPALIVE_MS: Final = 60_000
_KEEPALIVE_TIMEOUT_MS: Final = 20_000
_QUIET_S = 0.1
"""Longer than calls that were sent before the health changed are on the way, on a network of one site."""
_CODES = {code.value[0]: code for code in grpc.StatusCode}

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Request = TypeVar("Request", tally_pb2.AddRequest, tally_pb2.AddBatchRequest)
Response = TypeVar("Response", tally_pb2.AddResponse, tally_pb2.AddBatchResponse)


class PortTakenError(Exception):
    """Somebody listens there already; the message is one line with the setting that moves the port."""


class TallyCalls:
    """Carries calls to the methods. The task of a call is cancelled by gRPC when its caller is gone.

    gRPC's own handlers of one request and one answer are not used: a call that ends without a message is never answered
    by them (seen with 1.85), nor is one that never sends any, and bytes that do not decode are UNKNOWN, which tells a
    caller to repeat them. So a call's message is read and decoded here.
    """

    def __init__(self, methods: Methods) -> None:
        self._methods = methods
        self.calls = 0
        """How many calls have come; that it stands still tells that there is nobody at the door."""

    def handlers(self) -> grpc.GenericRpcHandler:
        """Return what a server needs to serve them."""
        add = partial(self._carry, tally_pb2.AddRequest, self._methods.add)
        add_batch = partial(self._carry, tally_pb2.AddBatchRequest, self._methods.add_batch)
        by_name = {"Add": add, "AddBatch": add_batch}
        return grpc.method_handlers_generic_handler(
            SERVICE_NAME, {name: grpc.stream_unary_rpc_method_handler(call) for name, call in by_name.items()}
        )

    async def _carry(
        self, kind: type[Request], method: Method[Request, Response], _messages: object, context: _Context
    ) -> bytes:
        """Hand a call to a method, and its answer or refusal back."""
        self.calls += 1
        request = await _request(kind, context)
        if not isinstance(request, Refusal):
            incoming = Incoming(request, context.time_remaining(), lambda: _metadata(context))
            try:
                answer = await method(incoming)
            except Exception:  # noqa: BLE001 - the caller gets a typed answer whatever the defect is
                logger.exception("a call failed by a defect")
                answer = refusals.internal()
        else:
            answer = request
        if isinstance(answer, Refusal):
            details = status_of(answer).SerializeToString()
            await context.abort(_CODES[answer.code], answer.message, ((_DETAILS_KEY, details),))
        return answer.SerializeToString()


async def _request(kind: type[Request], context: _Context) -> Request | Refusal:
    """Return the call's first message; a second one is not read."""
    try:
        async with asyncio.timeout(DEADLINE_MAX_S):
            message = await context.read()
    except TimeoutError:
        return refusals.no_message(f"none came in {DEADLINE_MAX_S:.0f} s")
    if not isinstance(message, bytes):
        return refusals.no_message("the call ended without one")
    try:
        return kind.FromString(message)
    except DecodeError:
        return refusals.undecodable(kind.DESCRIPTOR.full_name, len(message))


class Door:
    """The server. It listens at once, and its health is NOT_SERVING until it is told otherwise."""

    def __init__(self, methods: Methods, message_bytes_max: int) -> None:
        self._server = grpc.aio.server(
            options=[
                # Two servers that share a port by mistake would each get half of the calls.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", message_bytes_max),
                ("grpc.max_send_message_length", -1),  # bounded by the number of additions in a batch
                # A client that keeps its connection alive by pings, with calls or without, must not be sent away.
                ("grpc.http2.min_ping_interval_without_data_ms", _PINGS_APART_MIN_MS),
                ("grpc.keepalive_permit_without_calls", 1),
                # A client whose machine is gone is noticed, and its connection closed.
                ("grpc.keepalive_time_ms", _KEEPALIVE_MS),
                ("grpc.keepalive_timeout_ms", _KEEPALIVE_TIMEOUT_MS),
            ]
        )
        self._health = health.aio.HealthServicer()
        self._calls = TallyCalls(methods)
        self._server.add_generic_rpc_handlers((self._calls.handlers(),))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        add_reflection(self._server, [SERVICE_NAME, health.SERVICE_NAME])

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
        """Set the health of the service and of the whole server."""
        status = health_pb2.HealthCheckResponse.SERVING if serving else health_pb2.HealthCheckResponse.NOT_SERVING
        for name in (SERVICE_NAME, ""):
            await self._health.set(name, status)

    async def goodbye(self) -> None:
        """Set the health to NOT_SERVING for good; calls are still taken, to be answered."""
        await self._health.enter_graceful_shutdown()

    async def quiet(self) -> None:
        """Return when no call has come for a moment.

        A server that stops cancels the calls that it has not taken yet, and their callers see CANCELLED; so it is
        stopped only when there are none.
        """
        before = -1
        while before != self._calls.calls:
            before = self._calls.calls
            await asyncio.sleep(_QUIET_S)

    async def stop(self, grace_s: float) -> None:
        """Stop, and return when the calls that are there are answered or the time is over."""
        await self._server.stop(grace_s)


def require_free(host: str, port: int) -> None:
    """Raise PortTakenError when nobody can listen there. gRPC itself would say so in several lines of its own."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
            probe.listen(1)
        except OSError as error:
            raise PortTakenError(_taken(host, port, error.strerror or str(error))) from error


def _taken(host: str, port: int, why: str) -> str:
    return f"cannot listen on {host}:{port} for gRPC ({why}): end what uses the port, or set TALLY_GRPC_PORT to another"


def _metadata(context: _Context) -> Mapping[str, str]:
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
