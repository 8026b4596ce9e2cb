"""An ASGI application, each HTTP call measured by its route's template, so that an id makes no series."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from observability.metrics import Metrics

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
_SERVER_ERROR: Final = 500


class ObservedHttp:
    """``route_of`` reads the route's template off the scope once the call was routed; empty when none fitted."""

    def __init__(self, app: App, metrics: Metrics, route_of: Callable[[Message], str]) -> None:
        self._app = app
        self._route_of = route_of
        self._durations = metrics.histogram("http.server.request.duration")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began_s = time.perf_counter()
        status = _SERVER_ERROR  # what the server answers when the application raises

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        error: str | None = None
        try:
            await self._app(scope, receive, observed)
        except BaseException as defect:
            error = type(defect).__name__
            raise
        finally:
            if error is None and status >= _SERVER_ERROR:
                error = str(status)
            method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
            values = (method, self._route_of(scope) or None, status, error)
            self._durations.record(time.perf_counter() - began_s, values)
