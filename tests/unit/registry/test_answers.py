"""What the registry's client makes of answers about a schema."""

import uuid
from typing import Any

import httpx
import pytest

from tally.registry.errors import RegistryAnswerError, RegistryUnreachable, SchemaUnknown
from tally.registry.lookup import TEXT_BYTES_MAX, SchemaRegistry


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
        self.client = SchemaRegistry("http://registry", clock=Clock(), transport=transport)

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
    """A 2xx that has no text is an error, and never kept as a schema."""
    registry = Answering(200, body)
    for _ in range(2):
        with pytest.raises(RegistryAnswerError, match="without a schema"):
            registry.client.schema(7)
    assert registry.asked == 2


def test_a_denial_is_not_remembered_so_that_asking_twice_gives_two_answers() -> None:
    """A schema that was not found is asked for again each time, so two denials are two answers of the registry."""
    registry = Answering(404, {"error_code": 40403, "message": "Schema not found"})
    for _ in range(2):
        with pytest.raises(SchemaUnknown):
            registry.client.schema(7)
    assert registry.asked == 2


def test_a_schema_is_asked_for_once_and_by_a_guid_it_may_be_that_the_call_is_unknown() -> None:
    """A schema that was found is not asked for again, and a registry without look-ups by GUID counts as a denial."""
    registry = Answering(200, {"schema": '"string"'})
    assert registry.client.schema(7) == registry.client.schema(7)
    assert registry.asked == 1
    with pytest.raises(SchemaUnknown):
        Answering(404, {"error_code": 404, "message": "HTTP 404 Not Found"}).client.schema(uuid.UUID(int=7))


def test_the_texts_that_are_kept_are_bounded() -> None:
    """The cache of schema texts is bounded in bytes: the newest is kept, and the oldest is asked for again."""
    registry = Answering(200, {"schema": '"' + "x" * (TEXT_BYTES_MAX // 4) + '"'})
    for schema_id in range(8):
        registry.client.schema(schema_id)
    assert registry.asked == 8
    registry.client.schema(7)
    assert registry.asked == 8
    registry.client.schema(0)
    assert registry.asked == 9
