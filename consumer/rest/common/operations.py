"""What the OpenAPI document says of a call beyond what Litestar finds out by itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus

from litestar.openapi.spec import OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Operation, RequestBody, Schema


@dataclass
class OptionalBody(Operation):
    """A call whose body may be left out; Litestar calls every body required."""

    def __post_init__(self) -> None:
        """Complete what Litestar made."""
        assert isinstance(self.request_body, RequestBody)
        self.request_body.required = False


def file_operation(media_types: Sequence[str]) -> type[Operation]:
    """Return a call that answers with a file, or a part of it, of one of several types; Litestar knows of one type."""
    content = {kind: OpenAPIMediaType(schema=Schema(type=OpenAPIType.STRING)) for kind in media_types}

    @dataclass
    class FileOperation(Operation):
        def __post_init__(self) -> None:
            for status in (HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT):
                answer = (self.responses or {})[str(status.value)]
                assert isinstance(answer, OpenAPIResponse)
                answer.content = dict(content)

    return FileOperation
