"""grpc.health.v1: health of the server and of each service, to ask for and to watch."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2  # type: ignore[import-untyped]

from producer.shell.grpc_calls import Calls
from producer.shell.intake import Context


def health_handler(calls: Calls, servicer: Any) -> grpc.GenericRpcHandler:
    """Return the handler of the service that answers what the library's ``servicer`` knows."""
    request_type: Any = health_pb2.HealthCheckRequest

    async def check(requests: AsyncIterator[Any], context: Context) -> None:
        async for request in requests:
            await context.write(await servicer.Check(request, context))
            return

    async def watch(requests: AsyncIterator[Any], context: Context) -> None:
        async for request in requests:
            await servicer.Watch(request, context)

    handlers = {"Check": calls.dialogue(request_type, check), "Watch": calls.dialogue(request_type, watch)}
    return grpc.method_handlers_generic_handler(health.SERVICE_NAME, handlers)
