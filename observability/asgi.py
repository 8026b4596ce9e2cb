"""Measures each HTTP call of an ASGI application by the template of its route, so that ids do not create series."""

import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final, TypeAlias

from opentelemetry.trace import Span

from observability.current import CURRENT
from observability.telemetry import Telemetry
from observability.tracing import finish, trace_of

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Any, Any, Any], Awaitable[None]]

_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"})
_SERVER_ERROR: Final = 500
_NEVER_TRACED: Final = ("/health", "/metrics")
"""Machines call these every few seconds; their traces would bury the others."""
_EVENTS: Final = b"text/event-stream"


class ObservedHttp:
    """``route_of`` reads the template of the route from the scope once the call has been routed; "" if none matched."""

    def __init__(self, app: App, telemetry: Telemetry, route_of: Callable[[Message], str]) -> None:
        self._app = app
        self._telemetry = telemetry
        self._route_of = route_of
        self._durations = telemetry.metrics.histogram("http.server.request.duration")

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        span = self._begin(scope)
        began_s = time.perf_counter()
        status = _SERVER_ERROR  # what the server answers if the application raises
        followed_s: float | None = None

        async def observed(message: Message) -> None:
            nonlocal status, followed_s
            if message["type"] == "http.response.start":
                status = message["status"]
                if _is_followed(message):
                    followed_s = time.perf_counter()
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
            route = self._route_of(scope) or None
            trace = None if span is None else trace_of(span)
            ended_s = time.perf_counter() if followed_s is None else followed_s
            self._durations.record(ended_s - began_s, (method, route, status, error), trace)
            if span is not None:
                self._end(span, method, route, status, error)

    def _begin(self, scope: Message) -> Span | None:
        tracing = self._telemetry.tracing
        if tracing is None or scope["path"].startswith(_NEVER_TRACED):
            return None
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        parent = tracing.chosen(headers)
        if parent is None:
            return None
        span = tracing.start("request", {"http.request.method": scope["method"]}, parent=parent)
        CURRENT.set(trace_of(span))  # each call has a task of its own
        return span

    def _end(self, span: Span, method: str, route: str | None, status: int, error: str | None) -> None:
        span.update_name(f"{method} {route or ''}".strip())
        about = {"http.route": route, "http.response.status_code": status, "error.type": error}
        finish(span, about)


def _is_followed(start: Message) -> bool:
    """Tell whether the reader decides how long an answer lasts: its duration is then the time until it begins."""
    return any(
        name.lower() == b"content-type" and value.startswith(_EVENTS) for name, value in start.get("headers", ())
    )
