"""Parameters of calls: how the OpenAPI document shows them, and that there are no others.

A parameter arrives as text, whatever the document calls it, and its handler reads it by ``consumer.core.queries``.
"""

import difflib
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from litestar import Request
from litestar.openapi.spec import OpenAPIType
from litestar.params import HeaderParameter, ParameterKwarg, PathParameter, QueryParameter

from consumer.core.queries import QueryError
from tally.base.shown.values import quoted

_QUERY_CHARACTERS_MAX: Final = 2_048
"""More than any call's parameters need."""


def query_number(description: str, most: int, least: int = 0, default: int | None = None) -> ParameterKwarg:
    """Return a whole number in the query. ``most`` is what the document says; a setting may allow another."""
    return QueryParameter(description=description, schema_extra={**_number(least, most), "default": default})


def query_text(description: str, pattern: str) -> ParameterKwarg:
    """Return a text in the query."""
    return QueryParameter(description=description, schema_extra=_schema(OpenAPIType.STRING) | {"pattern": pattern})


def path_number(description: str, most: int) -> ParameterKwarg:
    """Return a whole number in the path."""
    return PathParameter(description=description, schema_extra=_number(0, most))


def header_text(name: str, description: str) -> ParameterKwarg:
    """Return a header."""
    return HeaderParameter(name=name, description=description, schema_extra=_schema(OpenAPIType.STRING))


async def refuse_unknown_parameters(request: Request[Any, Any, Any]) -> None:
    """Refuse a query that says what the call's row of the document does not know, says it twice, or is no UTF-8.

    What is not in the document (pages, their files, /metrics) takes any query, as pages usually do. Raises QueryError.
    """
    query: bytes = request.scope["query_string"]
    if not query or not request.route_handler.resolve_include_in_schema():
        return
    if len(query) > _QUERY_CHARACTERS_MAX:
        shown = f"{len(query):,} characters long"
        raise QueryError("the query", shown, f"at most {_QUERY_CHARACTERS_MAX:,} characters")
    names = _names(request)
    seen = set[str]()
    for part in filter(None, query.split(b"&")):
        name, _, value = (_text(piece) for piece in part.partition(b"="))
        if name not in names:
            raise unknown_name("parameter", name, names)
        if name in seen:
            raise QueryError(name, f"given twice, the second time as {quoted(value)}", "one value")
        seen.add(name)


def unknown_name(noun: str, name: str, names: Sequence[str]) -> QueryError:
    """Return the error of a parameter or field that does not exist, with the one that was meant if that is plain."""
    allowed = ", ".join(names) or "none"
    near = difflib.get_close_matches(name[:64], names, n=1)
    meant = f"; did you mean {near[0]}?" if near else ""
    message = f"there is no {noun} {quoted(name)}; allowed is {allowed}{meant}"
    return QueryError(name, "unknown", allowed, message)


def _names(request: Request[Any, Any, Any]) -> list[str]:
    # From the handler and not from the document, which takes half a second of the event loop to make.
    parameters = request.route_handler.parsed_fn_signature.parameters
    return [name for name, field in parameters.items() if isinstance(field.kwarg_definition, QueryParameter)]


def _text(piece: bytes) -> str:
    """Return a part of a query. Raises QueryError."""
    raw = unquote_to_bytes(piece.replace(b"+", b" "))
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise QueryError("the query", quoted(piece.decode("latin-1")), "text in UTF-8, percent-encoded") from error


def _number(least: int, most: int) -> dict[str, Any]:
    return _schema(OpenAPIType.INTEGER) | {"minimum": least, "maximum": most}


def _schema(kind: OpenAPIType) -> dict[str, Any]:
    """Return the schema of a type that stands alone: a parameter that may be left out cannot be null."""
    return {"type": kind, "one_of": None}
