"""REST as the outside reaches it: a call is checked before a handler is called, and every answer has some headers."""

from dataclasses import dataclass
from typing import Final

from consumer.rest.guard.bodies import check_media_type, has_body, replayed, whole_body
from consumer.rest.guard.headers import with_headers
from consumer.rest.guard.hosts import check_host
from consumer.rest.guard.refusals import send_refusal
from consumer.rest.guard.sites import check_site
from consumer.rest.problems import ProblemError
from observability.asgi import App, Message, Receive, Send

_HEADERS: Final = {"host", "origin", "sec-fetch-site"}


@dataclass(frozen=True)
class GuardLimits:
    """``names``: under which REST may be asked beside IP addresses; ``own_url``: its address for callers."""

    names: frozenset[str]
    own_url: str
    body_timeout_s: float


class GuardedHttp:
    """An ASGI application around another."""

    def __init__(self, app: App, limits: GuardLimits) -> None:
        self._app = app
        self._limits = limits

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve one call, or refuse it by a problem document."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            receive = await self._checked(scope, receive)
        except ProblemError as error:
            await send_refusal(send, error)
            return

        async def marked(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = with_headers(list(message.get("headers", ())))
            await send(message)

        await self._app(scope, receive, marked)

    async def _checked(self, scope: Message, receive: Receive) -> Receive:
        """Return what the handler receives from. Raises ProblemError; the cheapest checks come first."""
        headers = scope["headers"]
        told = {name: value.decode("latin-1") for raw, value in headers if (name := raw.decode("latin-1")) in _HEADERS}
        check_host(told.get("host"), self._limits.names)
        check_site(
            scope["method"], told.get("host"), told.get("sec-fetch-site"), told.get("origin"), self._limits.own_url
        )
        if not has_body(headers):
            return receive
        check_media_type(headers)
        return replayed(await whole_body(receive, self._limits.body_timeout_s), receive)
