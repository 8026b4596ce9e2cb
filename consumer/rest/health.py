"""``/health`` and ``/metrics``: what supervisors ask."""

import asyncio
import time
from http import HTTPStatus
from typing import Any

import msgspec
from litestar import Controller, Request, Response, get
from litestar.di import NamedDependency

from consumer.rest.parts import RestParts
from consumer.rest.problems import ProblemError, documented


class HealthAnswer(msgspec.Struct, frozen=True):
    """All is well."""

    status: str = "ok"


class HealthController(Controller):
    """For supervisors and load balancers."""

    path = "/health"
    tags = ("health",)

    @get("/live", operation_id="getLive", summary="The process answers", responses=documented())
    async def live(self) -> HealthAnswer:
        """Return 200 as long as the process serves."""
        return HealthAnswer()

    @get(
        "/ready",
        operation_id="getReady",
        summary="All partitions of this replica are counting",
        responses=documented(HTTPStatus.SERVICE_UNAVAILABLE),
    )
    async def ready(self, parts: NamedDependency[RestParts]) -> HealthAnswer:
        """Return 200, or 503 with every reason."""
        reasons = parts.unready()
        if reasons:
            raise ProblemError(
                HTTPStatus.SERVICE_UNAVAILABLE,
                "not-ready",
                "Not ready",
                "; ".join(f"{reason.part}: {reason.reason}" for reason in reasons),
                headers={"Retry-After": "1"},
                reasons=[{"part": r.part, "reason": r.reason, "cure": r.cure or ""} for r in reasons],
            )
        return HealthAnswer()


@get("/metrics", include_in_schema=False)
async def metrics(request: Request[Any, Any, Any], parts: NamedDependency[RestParts]) -> Response[bytes]:
    """Return what the process measured, as Prometheus or OpenMetrics text."""
    asked_s = time.monotonic()  # here, and not once a thread is free: what was begun meanwhile serves this call as well
    body, content_type = await asyncio.to_thread(parts.metrics, request.headers.get("Accept", ""), asked_s)
    return Response(body, headers={"Content-Type": content_type})
