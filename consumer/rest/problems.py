"""RFC 9457 problem documents: every error that leaves REST, whatever raised it."""

from http import HTTPStatus
from typing import Any, Final

import msgspec
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from loguru import logger

from consumer.core.queries import QueryError
from consumer.shell.views.readers import NotHereError

MEDIA_TYPE: Final = "application/problem+json"
_TYPE_PREFIX: Final = "urn:tally:problem:"


class ProblemDocument(msgspec.Struct, kw_only=True, omit_defaults=True):
    """What went wrong and what to do (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[dict[str, str]] = []
    """Of a bad request: each wrong parameter or field."""
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


def bad_request(detail: str) -> ProblemError:
    """Return the problem of a parameter or field with a wrong value."""
    return ProblemError(HTTPStatus.BAD_REQUEST, "bad-request", "A value is not allowed", detail)


def unavailable(kind: str, title: str, detail: str, retry_s: int = 1) -> ProblemError:
    """Return the problem of a condition that passes by itself."""
    return ProblemError(HTTPStatus.SERVICE_UNAVAILABLE, kind, title, detail, headers={"Retry-After": str(retry_s)})


def on_problem(_request: Request[Any, Any, Any], error: ProblemError) -> Response[ProblemDocument]:
    """Answer with a problem of our own."""
    document = ProblemDocument(
        type=_TYPE_PREFIX + error.kind,
        title=error.title,
        status=error.status_code,
        detail=error.detail,
        reasons=error.reasons,
    )
    return _answer(document, error.headers)


def on_query_error(request: Request[Any, Any, Any], error: QueryError) -> Response[ProblemDocument]:
    """Answer a parameter with a value that is not allowed."""
    return on_problem(request, bad_request(str(error)))


def on_not_here(request: Request[Any, Any, Any], error: NotHereError) -> Response[ProblemDocument]:
    """Answer a question about a ledger that is not open, or that was closed half-way."""
    return on_problem(request, unavailable("not-here", "The ledger is not open", str(error)))


def on_http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[ProblemDocument]:
    """Answer what the framework found: no such path, a method that is not allowed, a value that does not parse."""
    if error.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return on_exception(request, error)
    document = ProblemDocument(
        title=HTTPStatus(error.status_code).phrase,
        status=error.status_code,
        detail=error.detail,
        errors=_errors_of(error.extra),
    )
    return _answer(document, error.headers)


def on_exception(request: Request[Any, Any, Any], error: Exception) -> Response[ProblemDocument]:
    """Answer a defect: the log has the whole story, and the caller gets none of it."""
    logger.opt(exception=error).error("{} {} failed", request.method, request.url.path)
    document = ProblemDocument(
        type=_TYPE_PREFIX + "internal",
        title="Internal error",
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        detail="The consumer's log says what happened.",
    )
    return _answer(document, None)


def documented(*statuses: HTTPStatus) -> dict[int, ResponseSpec]:
    """Return problem documents for a handler's ``responses``, so that OpenAPI has them."""
    return {
        status.value: ResponseSpec(
            data_container=ProblemDocument, description=status.phrase, media_type=MEDIA_TYPE, generate_examples=False
        )
        for status in statuses
    }


def _errors_of(extra: Any) -> list[dict[str, str]]:
    items = extra if isinstance(extra, list) else []
    return [{str(name): str(value) for name, value in item.items()} for item in items if isinstance(item, dict)]


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
