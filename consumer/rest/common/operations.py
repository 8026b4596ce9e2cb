"""What the OpenAPI document says of a call beyond what Litestar finds out by itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from litestar.openapi.spec import Link, OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, RequestBody, Schema

_JSON: Final = "application/json"


def begin_operation(follow_ups: Mapping[str, str], *, body_is_optional: bool) -> type[Operation]:
    """Return a call that answers 202 with a record whose id goes into others: ``follow_ups``, operation to parameter.

    Litestar knows no links, and calls every body required.
    """
    links = {
        operation: Link(operation_id=operation, parameters={parameter: "$response.body#/id"})
        for operation, parameter in follow_ups.items()
    }

    @dataclass
    class BeginOperation(Operation):
        def __post_init__(self) -> None:
            assert isinstance(self.request_body, RequestBody)
            self.request_body.required = not body_is_optional
            _answer(self, HTTPStatus.ACCEPTED).links = dict(links)

    return BeginOperation


def file_operation(media_types: Sequence[str]) -> type[Operation]:
    """Return a call that answers with a file, or a part of it, of one of several types; Litestar knows of one type."""
    content = {
        kind: OpenAPIMediaType(schema=Schema(type=OpenAPIType.OBJECT if kind == _JSON else OpenAPIType.STRING))
        for kind in media_types
    }

    @dataclass
    class FileOperation(Operation):
        def __post_init__(self) -> None:
            for status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
                _answer(self, status).content = dict(content)

    return FileOperation


def _answer(operation: Operation, status: HTTPStatus) -> OpenAPIResponse:
    answer = (operation.responses or {})[str(status.value)]
    assert isinstance(answer, OpenAPIResponse)
    return answer
