"""The door that grpc.aio carries: calls to the methods, refusals to statuses, health, reflection."""

import asyncio
import socket
from collections.abc import Mapping
from typing import Any, TypeAlias

import grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from loguru import logger

from contracts.generated.tally.v1 import tally_pb2, tally_pb2_grpc
from producer.core import refusals
from producer.core.ports import Incoming, Method, Methods, Request, Response
from producer.core.refusals import Refusal
from producer.shell.reflection import add_reflection
from producer.shell.rpc_status import status_of

SERVICE_NAME = tally_pb2.DESCRIPTOR.services_by_name["TallyService"].full_name
_DETAILS_KEY = "grpc-status-details-bin"
_QUIET_S = 0.1
"""Longer than calls that were sent before the health changed are on the way, on a network of one site."""
_CODES = {code.value[0]: code for code in grpc.StatusCode}

_Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class PortTakenError(Exception):
    """Somebody listens there already; the message is one line with the setting that moves the port."""


class TallyServicer(tally_pb2_grpc.TallyServiceServicer):
    """Carries calls to the methods. The task of a call is cancelled by gRPC when its caller is gone."""

    def __init__(self, methods: Methods) -> None:
        self._methods = methods
        self.calls = 0
        """How many calls have come; that it stands still tells that there is nobody at the door."""

    async def Add(  # noqa: N802 - the contract's name
        self, request: tally_pb2.AddRequest, context: _Context
    ) -> tally_pb2.AddResponse:
        """Add one pair of numbers."""
        self.calls += 1
        return await _carry(self._methods.add, request, context)

    async def AddBatch(  # noqa: N802 - the contract's name
        self, request: tally_pb2.AddBatchRequest, context: _Context
    ) -> tally_pb2.AddBatchResponse:
        """Add many pairs of numbers."""
        self.calls += 1
        return await _carry(self._methods.add_batch, request, context)


async def _carry(method: Method[Request, Response], request: Request, context: _Context) -> Response:
    """Hand a call to a method, and its answer or refusal back."""
    incoming = Incoming(request, context.time_remaining(), lambda: _metadata(context))
    try:
        answer = await method(incoming)
    except Exception:  # noqa: BLE001 - the caller gets a typed answer whatever the defect is
        logger.exception("a call failed by a defect")
        answer = refusals.internal()
    if isinstance(answer, Refusal):
        details = status_of(answer).SerializeToString()
        await context.abort(_CODES[answer.code], answer.message, ((_DETAILS_KEY, details),))
    return answer


class Door:
    """The server. It listens at once, and its health is NOT_SERVING until it is told otherwise."""

    def __init__(self, methods: Methods, message_bytes_max: int) -> None:
        self._server = grpc.aio.server(
            options=[
                # Two servers that share a port by mistake would each get half of the calls.
                ("grpc.so_reuseport", 0),
                ("grpc.max_receive_message_length", message_bytes_max),
                ("grpc.max_send_message_length", -1),  # bounded by the number of additions in a batch
            ]
        )
        self._health = health.aio.HealthServicer()
        self._servicer = TallyServicer(methods)
        tally_pb2_grpc.add_TallyServiceServicer_to_server(self._servicer, self._server)
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
        while before != self._servicer.calls:
            before = self._servicer.calls
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
