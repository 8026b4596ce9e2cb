"""grpc.health.v1: health of the server and of each service, to ask for and to watch."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from grpc_health.v1 import health, health_pb2  # type: ignore[import-untyped]

from producer.shell.grpc_calls import Calls
from producer.shell.intake import Context
from tally.base.addresses import CLUSTER_ID_KEY


class ClusterHealth(health.aio.HealthServicer):  # type: ignore[misc]
    """Names the cluster beside the status, so that a caller can tell which system an address leads to."""

    cluster_id: str | None = None

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802  # the service's name of the method
        """Answer with the status."""
        if self.cluster_id is not None:
            await context.send_initial_metadata(((CLUSTER_ID_KEY, self.cluster_id),))
        return await super().Check(request, context)


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
