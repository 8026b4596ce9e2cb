"""``/metrics``."""

from typing import Any

from litestar import Request, Response, get
from litestar.di import NamedDependency

from consumer.rest.parts import RestParts


@get("/metrics", include_in_schema=False, sync_to_thread=True)
def metrics(request: Request[Any, Any, Any], parts: NamedDependency[RestParts]) -> Response[bytes]:
    """Return what the process measured, as Prometheus or OpenMetrics text."""
    body, content_type = parts.metrics(request.headers.get("Accept", ""))
    return Response(body, headers={"Content-Type": content_type})
