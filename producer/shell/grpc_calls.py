"""Calls of gRPC: their messages read and decoded, handed to whoever answers, and refusals made statuses.

gRPC's own handlers for one request are not used: they never answer a call that ends without a message (seen with 1.85)
or that never sends one, answer bytes that do not decode with UNKNOWN, which tells a caller to retry, and read as many
messages at a time as there are calls. So every call's messages are read here, those of health and reflection too.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from operator import methodcaller
from typing import Any, Final, NoReturn, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from loguru import logger

from producer.core import refusals
from producer.core.ports import DEADLINE_MAX_S, Incoming, Methods, Request, Response, Rpc
from producer.core.refusals import Refusal
from producer.shell.intake import Context, Intake
from producer.shell.rpc_status import status_bytes

Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
AnyMessage = TypeVar("AnyMessage", bound=Message)

_DETAILS_KEY: Final = "grpc-status-details-bin"
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


class Calls:
    """Carries calls, at most ``calls_max`` at a time. gRPC cancels the task of a call when its caller is gone."""

    def __init__(self, calls_max: int, intake: Intake) -> None:
        self.count = 0
        """How many calls of methods have come; when it stands still, nobody is calling."""
        self._calls_max = calls_max
        self._calls = 0
        self._intake = intake

    def of_methods(self, service: str, rpcs: Methods) -> grpc.GenericRpcHandler:
        """Return what a server needs to serve the RPCs of a service."""
        handlers: dict[str, Handler] = {
            rpc.name: grpc.stream_unary_rpc_method_handler(partial(self._carry, rpc)) for rpc in rpcs
        }
        return grpc.method_handlers_generic_handler(service, handlers)

    def dialogue(
        self, kind: type[AnyMessage], serve: Callable[[AsyncIterator[AnyMessage], Context], Awaitable[None]]
    ) -> Handler:
        """Return the handler of calls whose requests ``serve`` gets one by one, and whose answers it writes."""

        async def served(_messages: object, context: Context) -> None:
            refusal = self._full()
            if refusal is None:
                self._calls += 1
                try:
                    await serve(self._requests(kind, context), context)
                except _RefusedError as error:
                    refusal = error.refusal
                except grpc.aio.InternalError:  # as in `_abort`
                    raise asyncio.CancelledError from None
                finally:
                    self._calls -= 1
            if refusal is not None:
                await _abort(context, refusal)

        return grpc.stream_stream_rpc_method_handler(served, response_serializer=methodcaller("SerializeToString"))

    async def _carry(self, rpc: Rpc[Request, Response], _messages: object, context: Context) -> bytes:
        """Hand a call to its method, and the answer or refusal back."""
        self.count += 1
        answer: Response | Refusal
        full = self._full()
        if full is None:
            self._calls += 1
            try:
                answer = await self._answer(rpc, context)
            finally:
                self._calls -= 1
        else:
            rpc.refused(full, 0.0)
            answer = full
        if isinstance(answer, Refusal):
            await _abort(context, answer)
        return answer.SerializeToString()

    async def _answer(self, rpc: Rpc[Request, Response], context: Context) -> Response | Refusal:
        began_s = time.perf_counter()
        message = await self._intake.read(context, DEADLINE_MAX_S)
        if message is None:
            request: Request | Refusal = refusals.no_message("the call ended without one")
        elif isinstance(message, Refusal):
            request = message
        else:
            request = rpc.objection(message) or _decoded(rpc.request_type, message)
        if isinstance(request, Refusal):
            rpc.refused(request, time.perf_counter() - began_s)
            return request
        incoming = Incoming(request, context.time_remaining(), lambda: _metadata(context))
        try:
            return await rpc.method(incoming)
        except Exception:  # noqa: BLE001 - the caller gets a typed answer, whatever the defect
            logger.exception("a call failed by a defect")
            return refusals.internal()

    async def _requests(self, kind: type[AnyMessage], context: Context) -> AsyncIterator[AnyMessage]:
        while (message := await self._intake.read(context, DEADLINE_MAX_S)) is not None:
            request = message if isinstance(message, Refusal) else _decoded(kind, message)
            if isinstance(request, Refusal):
                raise _RefusedError(request)
            yield request

    def _full(self) -> Refusal | None:
        if self._calls < self._calls_max:
            return None
        return refusals.queue_full(f"{self._calls_max} calls are in progress")


class _RefusedError(Exception):
    """A message of a dialogue is refused."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def _decoded(kind: type[AnyMessage], message: bytes) -> AnyMessage | Refusal:
    try:
        return kind.FromString(message)
    except DecodeError:
        return refusals.undecodable(kind.DESCRIPTOR.full_name, len(message))


async def _abort(context: Context, refusal: Refusal) -> NoReturn:
    details = ((_DETAILS_KEY, status_bytes(refusal)),)
    try:
        await context.abort(_CODES[refusal.code], refusal.message, details)
    except grpc.aio.InternalError:  # the caller is gone, and gRPC has not noticed yet
        raise asyncio.CancelledError from None


def _metadata(context: Context) -> Mapping[str, str]:
    return {key: value for key, value in context.invocation_metadata() or () if isinstance(value, str)}
