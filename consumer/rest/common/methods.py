"""HEAD wherever GET is, and an ``Allow`` that names all methods of a path.

Litestar routes a method only where a handler names it, and none here names HEAD. A HEAD call is led through the
application as a GET whose body is held back; once the answer has begun, the application is told that the caller has
gone, which ends a stream at once. To OPTIONS it answers the methods of one of a path's handlers, and not of all.
"""

from collections.abc import Iterable
from typing import Final

from litestar import Litestar
from litestar.routes import HTTPRoute

from observability.asgi import App, Message, Receive, Send

_ALLOW: Final = b"allow"


class EveryMethod:
    """An ASGI application around Litestar."""

    def __init__(self, app: Litestar) -> None:
        self._app: App = app
        self._methods: dict[str, set[str]] = {}
        for route in app.routes:
            if isinstance(route, HTTPRoute):
                self._methods.setdefault(route.path_format or "/", set()).update(route.methods)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one call."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["method"] == "HEAD":
            await self._head(scope, receive, send)
        else:
            await self._app(scope, receive, self._completed(scope, send))

    async def _head(self, scope: Message, receive: Receive, send: Send) -> None:
        begun = False

        async def receive_until_begun() -> Message:
            return {"type": "http.disconnect"} if begun else await receive()

        async def send_head(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                await send(message)
                begun = True
                await send({"type": "http.response.body", "body": b""})

        # The scope itself, and not a copy: what is outside reads there which route was taken.
        scope["method"] = "GET"
        try:
            await self._app(scope, receive_until_begun, self._completed(scope, send_head))
        finally:
            scope["method"] = "HEAD"

    def _completed(self, scope: Message, send: Send) -> Send:
        async def send_completed(message: Message) -> None:
            if message["type"] == "http.response.start":
                for place, (name, value) in enumerate(message["headers"]):
                    if name.lower() == _ALLOW:
                        message["headers"][place] = (name, self._allow(scope, value))
            await send(message)

        return send_completed

    def _allow(self, scope: Message, told: bytes) -> bytes:
        methods = {method.strip() for method in told.decode().split(",")}
        methods |= self._methods.get(scope.get("path_template", ""), set())
        return with_head(methods).encode()


def with_head(methods: Iterable[str]) -> str:
    """Return methods as ``Allow`` lists them, in one order and with HEAD beside GET."""
    listed = set(methods)
    return ", ".join(sorted(listed | {"HEAD"} if "GET" in listed else listed))
