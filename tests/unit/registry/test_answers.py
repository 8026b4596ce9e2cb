"""What the registry's client makes of answers about a schema."""

from contextlib import nullcontext
from typing import Any

import httpx
import pytest

from tally.registry.errors import RegistryAnswerError, RegistryError, RegistryUnreachable, SchemaUnknown
from tally.registry.lookup import SchemaRegistry


class Clock:
    """Waits for nothing."""

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, _seconds: float, /) -> None:
        pass


class Answering:
    """A registry that answers what it is told to, and counts."""

    def __init__(self, status: int, body: Any) -> None:
        self.status, self.body, self.asked = status, body, 0
        transport = httpx.MockTransport(self._answer)
        self.client = SchemaRegistry("http://registry", clock=Clock(), attempts=1, transport=transport)

    def _answer(self, _request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return httpx.Response(self.status, json=self.body)


def test_a_404_without_a_word_on_the_schema_is_no_denial() -> None:
    """Only a 404 with the registry's own code denies a schema, since a gateway that lacks the path answers 404, too."""
    with pytest.raises(RegistryAnswerError, match="answers 404"):
        Answering(404, {"error_code": 404, "message": "HTTP 404 Not Found"}).client.schema(7)
    with pytest.raises(RegistryAnswerError):
        Answering(404, "Not Found").client.schema(7)
    with pytest.raises(SchemaUnknown):
        Answering(404, {"error_code": 40403, "message": "Schema not found"}).client.schema(7)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 429])
def test_an_error_of_the_server_is_no_denial(status: int) -> None:
    """A server error or a throttled request means RegistryUnreachable, whatever error code its body has."""
    with pytest.raises(RegistryUnreachable):
        Answering(status, {"error_code": 40403, "message": "not found"}).client.schema(7)


@pytest.mark.parametrize("body", [{}, {"schema": 7}, [], 7, "schema"])
def test_an_answer_without_the_text_of_a_schema_is_no_schema(body: Any) -> None:
    """A 2xx that has no text is an error, and never taken for a schema."""
    with pytest.raises(RegistryAnswerError, match="without a schema"):
        Answering(200, body).client.schema(7)


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (200, {"schema": '"string"'}, None),
        (404, {"error_code": 40403, "message": "Schema not found"}, SchemaUnknown),
        (503, {}, RegistryUnreachable),
    ],
)
def test_nothing_is_kept_so_that_asking_twice_gives_two_answers(
    status: int, body: Any, error: type[RegistryError] | None
) -> None:
    """Each call asks the registry, so two denials are two answers, and a registry that was down is asked again."""
    registry = Answering(status, body)
    for _ in range(2):
        with pytest.raises(error) if error else nullcontext():
            registry.client.schema(7)
    assert registry.asked == 2


def _of_versions(request: httpx.Request) -> httpx.Response:
    """Answer for a@1, which refers to b@2, and for b@2, which was deleted softly."""
    here = "deleted=true" in str(request.url)
    path = request.url.path
    if path in {"/schemas/ids/7", "/subjects/a/versions/1"}:
        references = [{"name": "t.B", "subject": "b", "version": 2}]
        return httpx.Response(200, json={"schema": '"t.B"', "references": references})
    if path == "/subjects/b/versions/2" and here:
        return httpx.Response(200, json={"schema": '"int"'})
    return httpx.Response(404, json={"error_code": 40402, "message": "Version not found."})


def test_a_schema_is_told_with_the_versions_that_it_refers_to() -> None:
    """By id or by version, also one that was deleted softly; what is not there, or is no reference, is told."""
    client = SchemaRegistry("http://registry", transport=httpx.MockTransport(_of_versions))
    assert client.with_references(7) == client.with_references(("a", 1)) == ('"t.B"', [("b", 2)])
    assert client.with_references(("b", 2)) == ('"int"', [])
    with pytest.raises(SchemaUnknown, match="does not know version 3 of b"):
        client.with_references(("b", 3))
    for wrong in ([{"subject": "b"}], [7], 7, [{"subject": "b", "version": "x"}]):
        with pytest.raises(RegistryAnswerError, match="references that name no subject and version"):
            Answering(200, {"schema": "{}", "references": wrong}).client.with_references(7)
