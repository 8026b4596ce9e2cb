"""A request's body: JSON, small, and here in time. A handler gets it whole or is not called."""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Final

from consumer.rest.problems import ProblemError
from observability.asgi import Message, Receive
from tally.base.shown.values import quoted

BODY_BYTES_MAX: Final = 64 * 1024
"""Times ``rest_connections_max``, this is what unfinished bodies can take of memory."""
_JSON: Final = b"application/json"
_CLOSE: Final = {"Connection": "close"}


def has_body(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Tell whether a body follows, by the head alone. Raises ProblemError, 400 or 413.

    Content-Length beside Transfer-Encoding is how one request is smuggled within another past a proxy: refused.
    """
    length = next((value for name, value in headers if name == b"content-length"), None)
    chunked = any(name == b"transfer-encoding" for name, _ in headers)
    if chunked and length is not None:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            "two-lengths",
            "The body has two lengths",
            "the request has both Content-Length and Transfer-Encoding; allowed is one of them",
            headers=_CLOSE,
        )
    if length is not None and int(length) > BODY_BYTES_MAX:
        raise _too_large()
    return chunked or bool(length and int(length))


def check_media_type(headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Refuse a body that does not call itself JSON, as what a form of another site sends never does.

    Raises ProblemError, 415.
    """
    given = next((value for name, value in headers if name == b"content-type"), b"")
    if given.partition(b";")[0].strip().lower() != _JSON:
        shown = f"is {quoted(given.decode('latin-1'))}" if given else "is missing"
        raise ProblemError(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "not-json",
            "The body is not called JSON",
            f"Content-Type {shown}; allowed is application/json",
            headers={"Accept": "application/json"},
        )


async def whole_body(receive: Receive, timeout_s: float) -> bytes:
    """Return the body. Raises ProblemError: 400 when the caller leaves before it is complete, 408, 413."""
    body = bytearray()
    try:
        async with asyncio.timeout(timeout_s):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ProblemError(
                        HTTPStatus.BAD_REQUEST, "body-incomplete", "The body ended early", "the connection was closed"
                    )
                body += message.get("body", b"")
                if len(body) > BODY_BYTES_MAX:
                    raise _too_large()
                if not message.get("more_body", False):
                    return bytes(body)
    except TimeoutError:
        raise ProblemError(
            HTTPStatus.REQUEST_TIMEOUT,
            "body-late",
            "The body did not arrive in time",
            f"the body was not complete after {timeout_s:g} s, the longest wait that TALLY_REST_BODY_TIMEOUT_MS allows",
            headers=_CLOSE,
        ) from None


def replayed(body: bytes, receive: Receive) -> Receive:
    """Return a ``receive`` that has the whole body at once, and then what the connection says."""
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return first.pop() if first else await receive()

    return again


def _too_large() -> ProblemError:
    """Return the problem. The connection is kept, as a caller that is still sending would lose the answer with it."""
    return ProblemError(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "body-too-large",
        "The body is too large",
        f"allowed are {BODY_BYTES_MAX:,} bytes",
    )
