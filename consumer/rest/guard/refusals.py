"""Problem documents that leave before a handler is called: as messages of ASGI, or as bytes where there is no call."""

from http import HTTPStatus

import msgspec

from consumer.rest.guard.headers import with_headers
from consumer.rest.problems import MEDIA_TYPE, ProblemError, document_of
from observability.asgi import Send


async def send_refusal(send: Send, error: ProblemError) -> None:
    """Answer a call by a problem document."""
    headers, body = _content(error)
    await send({"type": "http.response.start", "status": error.status_code, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def refusal_bytes(error: ProblemError) -> bytes:
    """Return a whole answer of HTTP/1.1, after which the connection is closed."""
    headers, body = _content(error)
    lines = [
        f"HTTP/1.1 {error.status_code} {HTTPStatus(error.status_code).phrase}".encode(),
        *(name + b": " + value for name, value in headers if name != b"connection"),
        b"connection: close",
    ]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def _content(error: ProblemError) -> tuple[list[tuple[bytes, bytes]], bytes]:
    body = msgspec.json.encode(document_of(error))
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        *((name.lower().encode(), value.encode()) for name, value in (error.headers or {}).items()),
    ]
    return with_headers(headers), body
