"""``/v1/events``: the total as it moves, as server-sent events."""

from collections.abc import AsyncIterator
from http import HTTPStatus
from typing import Final

import msgspec
from litestar import Controller, get
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import ServerSentEvent, ServerSentEventMessage

from consumer.core.snapshot import Total
from consumer.rest.answers import total_answer
from consumer.rest.parts import RestParts, now
from consumer.rest.problems import documented, unavailable
from consumer.shell.views.feed import Feed, Listener, TooManyListenersError

_HEARTBEAT_S: Final = 15.0
"""A line that says nothing: proxies keep the connection, and one whose reader is gone is found out."""
_RETRY_MS: Final = 2_000
_MEDIA_TYPE: Final = "text/event-stream"


class EventsController(Controller):
    """For pages and programs that follow the total."""

    path = "/v1/events"
    tags = ("total",)

    @get(
        "",
        operation_id="followTotal",
        summary="The total as it moves, as server-sent events",
        responses={
            HTTPStatus.OK.value: ResponseSpec(
                data_container=str,
                description="`event: total` whose data is the answer of /v1/total, at once and whenever it moved, at "
                'most 10 a second; a reader that is slower skips what was in between. `event: end` with `{"reason"}` '
                "is the last one: `stopping`, or `too-slow` when nothing was taken for 30 seconds.",
                media_type=_MEDIA_TYPE,
                generate_examples=False,
            ),
            **documented(HTTPStatus.SERVICE_UNAVAILABLE),
        },
        media_type=_MEDIA_TYPE,
    )
    async def follow(self, parts: NamedDependency[RestParts]) -> ServerSentEvent:
        """Stay connected and read. 503 when as many as allowed listen already: ask /v1/total now and then instead."""
        try:
            listener = parts.feed.open()
        except TooManyListenersError as error:
            raise unavailable("too-many-listeners", "Too many listen", str(error), retry_s=5) from error

        async def leave() -> None:
            """Give the place back, even if the caller had gone before the first message was asked for."""
            parts.feed.leave(listener)

        return ServerSentEvent(_messages(parts.feed, listener), background=BackgroundTask(leave))


def total_text(total: Total) -> str:
    """Return a total as the data of an event."""
    return msgspec.json.encode(total_answer(total, now())).decode()


async def _messages(feed: Feed, listener: Listener) -> AsyncIterator[ServerSentEventMessage]:
    try:
        yield ServerSentEventMessage(data=None, retry=_RETRY_MS)
        while True:
            text = await listener.take(_HEARTBEAT_S)
            if text is not None:
                yield ServerSentEventMessage(event="total", data=text)
            elif listener.ended is not None:
                yield ServerSentEventMessage(event="end", data=msgspec.json.encode({"reason": listener.ended}).decode())
                return
            else:
                yield ServerSentEventMessage(data=None, comment="still here")
    finally:
        feed.leave(listener)
