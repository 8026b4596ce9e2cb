"""RFC 9457 problem documents: every error that leaves REST, whatever raised it."""

from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.openapi.datastructures import ResponseSpec
from loguru import logger

from consumer.core.queries import QueryError
from consumer.rest.common.methods import with_head
from consumer.rest.common.unknown import unknown_page, wants_page
from consumer.shell.views.readers import NotHereError
from tally.base.shown.values import quoted

MEDIA_TYPE: Final = "application/problem+json"
_TYPE_PREFIX: Final = "urn:tally:problem:"
_ANY_CALL: Final = (HTTPStatus.BAD_REQUEST, HTTPStatus.MISDIRECTED_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE)
"""A wrong parameter; a Host that is not ours; too many connections."""
_ANY_WRITE: Final = (
    HTTPStatus.FORBIDDEN,
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
)


class WrongValue(msgspec.Struct, frozen=True):
    """A parameter or field that has a wrong value: the value as it is shown, and what is allowed."""

    name: str
    value: str
    allowed: str


class ProblemDocument(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What went wrong and what to do (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[WrongValue] = []
    """Of a bad request: the wrong parameter or field."""
    reasons: list[dict[str, str]] = []
    """Of a replica that is not ready: every reason."""


class ProblemError(HTTPException):
    """An error that REST reports on purpose. ``kind`` is the last part of the problem's type."""

    def __init__(
        self,
        status: HTTPStatus,
        kind: str,
        title: str,
        detail: str,
        *,
        headers: dict[str, str] | None = None,
        reasons: list[dict[str, str]] | None = None,
    ) -> None:
        super().__init__(detail=detail, status_code=status.value, headers=headers)
        self.kind = kind
        self.title = title
        self.reasons = reasons or []


def unavailable(kind: str, title: str, detail: str, retry_s: int = 1) -> ProblemError:
    """Return the problem of a condition that passes by itself."""
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, kind, title, detail, headers={"Retry-After": str(retry_s)})


def document_of(error: ProblemError) -> ProblemDocument:
    """Return the document that tells of a problem of our own."""
    return ProblemDocument(
        type=_TYPE_PREFIX + error.kind,
        title=error.title,
        status=error.status_code,
        detail=error.detail,
        reasons=error.reasons,
    )


def on_problem(_request: Request[Any, Any, Any], error: ProblemError) -> Response[ProblemDocument]:
    """Answer with a problem of our own."""
    return _answer(document_of(error), error.headers)


def on_query_error(_request: Request[Any, Any, Any], error: QueryError) -> Response[ProblemDocument]:
    """Answer a parameter or field with a value that is not allowed."""
    document = ProblemDocument(
        type=_TYPE_PREFIX + "bad-request",
        title="A value is not allowed",
        status=HTTPStatus.BAD_REQUEST,
        detail=str(error),
        errors=[WrongValue(error.name, error.shown, error.allowed)],
    )
    return _answer(document, None)


def on_not_here(request: Request[Any, Any, Any], error: NotHereError) -> Response[ProblemDocument]:
    """Answer a question about a ledger that is not open, or that was closed half-way."""
    return on_problem(request, unavailable("not-here", "The ledger is not open", str(error)))


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Answer what the framework found. Its own words tell of its insides, and are not passed on."""
    path, status, headers = quoted(request.scope["path"]), error.status_code, error.headers or {}
    match status:
        case HTTPStatus.NOT_FOUND:
            if wants_page(request.headers.get("accept", "")):
                return unknown_page(request.scope["path"])
            kind, detail = "no-such-path", f"there is nothing at {path}; the calls are listed at /schema/openapi.json"
        case HTTPStatus.METHOD_NOT_ALLOWED:
            allowed = with_head(headers.get("allow", "").split(", "))
            kind, detail = "method-not-allowed", f"{path} does not take {request.method}; allowed is {allowed}"
        case HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
            bytes_max = request.route_handler.resolve_request_max_body_size() or 0
            kind, detail = "body-too-large", f"allowed are {bytes_max:,} bytes"
        case HTTPStatus.BAD_REQUEST if isinstance(error, ValidationException):
            # Parameters and bodies are read by consumer.rest.common; all that the framework misses is a body.
            kind, detail = "bad-request", "the body is missing; allowed is a JSON object"
        case _ if status < HTTPStatus.INTERNAL_SERVER_ERROR:
            kind, detail = "bad-request", error.detail
        case _:
            return on_exception(request, error)
    document = ProblemDocument(type=_TYPE_PREFIX + kind, title=HTTPStatus(status).phrase, status=status, detail=detail)
    return _answer(document, headers)


def on_exception(request: Request[Any, Any, Any], error: Exception) -> Response[ProblemDocument]:
    """Answer a defect: the log has the whole story, and the caller gets none of it."""
    logger.opt(exception=error).error("{} {} failed", request.method, quoted(request.scope["path"]))
    document = ProblemDocument(
        type=_TYPE_PREFIX + "internal",
        title="Internal error",
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        detail="The consumer's log says what happened.",
    )
    return _answer(document, None)


def documented(*statuses: HTTPStatus) -> dict[int, ResponseSpec]:
    """Return problem documents for a handler's ``responses``, so that OpenAPI has them: these and those of any call."""
    return {
        status.value: ResponseSpec(
            data_container=ProblemDocument, description=status.phrase, media_type=MEDIA_TYPE, generate_examples=False
        )
        for status in sorted({*_ANY_CALL, *statuses})
    }


def documented_write(*statuses: HTTPStatus) -> dict[int, ResponseSpec]:
    """Return the same for a call that changes something: it may have a body, and no other site may make it."""
    return documented(*_ANY_WRITE, *statuses)


def _answer(document: ProblemDocument, headers: dict[str, str] | None) -> Response[ProblemDocument]:
    return Response(document, status_code=document.status, media_type=MEDIA_TYPE, headers=headers)


EXCEPTION_HANDLERS: Final[Any] = {
    ProblemError: on_problem,
    QueryError: on_query_error,
    NotHereError: on_not_here,
    HTTPException: on_http_exception,
    Exception: on_exception,
}
"""By what is raised, what answers; the closest class wins."""
