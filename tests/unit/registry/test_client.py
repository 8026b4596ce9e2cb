"""The registry client: each failure is an error of its own, retries are bounded, secrets stay hidden."""

import base64
import gzip
import json
import ssl
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from tally.registry.access import Access, split_userinfo
from tally.registry.errors import (
    NoSuchCall,
    NotRegistered,
    RegistryAnswerError,
    RegistryRefused,
    RegistryTlsError,
    RegistryUnauthorised,
    RegistryUnreachable,
    SchemaMismatch,
    SchemaUnknown,
)
from tally.registry.http import ANSWER_BYTES_MAX
from tally.registry.lookup import SchemaRegistry
from tests_support.checkout import ROOT

TEXT = '{"type":"record","name":"R","fields":[{"name":"f","type":"string"}]}'
OTHER = '{"type":"record","name":"R","fields":[{"name":"f","type":"bytes"}]}'
URL = "http://registry.test/apis/ccompat/v7"
Handler = Callable[[httpx.Request], httpx.Response]


class FakeClock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float, /) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


def _registry(handler: Handler, clock: FakeClock | None = None, url: str = URL, **options: Any) -> SchemaRegistry:
    return SchemaRegistry(url, clock=clock or FakeClock(), transport=httpx.MockTransport(handler), **options)


def _answering(status: int, body: Any) -> Handler:
    return lambda _: httpx.Response(status, json=body)


def _giving(answer: httpx.Response) -> Handler:
    return lambda _: answer


def test_a_guid_is_asked_for_by_its_own_path_and_a_registry_without_guids_denies_it() -> None:
    """In the words of Apicurio, Confluent, Karapace and Redpanda; of an id such an answer comes from no registry."""
    guid = uuid.UUID("89791762-2336-4186-9674-299b90a802e2")
    asked: list[str] = []

    def confluent(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(200, json={"schema": TEXT})

    assert _registry(confluent).schema(guid) == TEXT
    assert asked == [f"/apis/ccompat/v7/schemas/guids/{guid}"]
    for answer in (
        httpx.Response(404),
        httpx.Response(404, json={"error_code": 40403, "message": "no"}),
        httpx.Response(404, json={"error_code": 404, "message": "HTTP 404 Not Found"}),
        httpx.Response(404, json="Not Found"),
        httpx.Response(404, json={"message": "Not found", "code": 404}),
    ):
        with pytest.raises(SchemaUnknown, match=f"GUID {guid}"):
            _registry(_giving(answer)).schema(guid)
    for name, page in ((5, httpx.Response(404)), (guid, httpx.Response(404, text="<html>"))):
        with pytest.raises(RegistryAnswerError):
            _registry(_giving(page)).schema(name)


def test_a_schema_is_looked_up_by_its_text_and_its_id_comes_back() -> None:
    """A schema's text is posted to its subject's path, with the name escaped, and its id is returned."""
    seen: list[httpx.Request] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, json={"subject": "a/b-value", "version": 1, "id": 7, "schema": TEXT})

    assert _registry(handler).lookup("a/b-value", TEXT) == 7
    assert seen[0].url.raw_path == b"/apis/ccompat/v7/subjects/a%2Fb-value"
    assert json.loads(seen[0].content) == {"schema": TEXT}


def test_the_registry_may_rewrite_the_text_as_long_as_it_means_the_same() -> None:
    """An answer with reordered keys and other blanks is accepted as the schema that was asked for."""
    rewritten = json.dumps(dict(reversed(json.loads(TEXT).items())), indent=1)
    assert _registry(_answering(200, {"id": 7, "schema": rewritten})).lookup("s", TEXT) == 7


def test_a_schema_that_means_another_thing_is_a_mismatch() -> None:
    """An answer with another schema is an error of its own, and its id is not used."""
    with pytest.raises(SchemaMismatch, match="another schema with id 7 under s"):
        _registry(_answering(200, {"id": 7, "schema": OTHER})).lookup("s", TEXT)


def test_a_schema_that_is_not_registered_is_told_with_the_registry_s_own_sentence() -> None:
    """The error for an unregistered schema has what the registry says is missing, its subject or only that version."""
    with pytest.raises(SchemaUnknown, match=r"our schema under s \(it says: Subject 's' not found\.\); publish"):
        _registry(_answering(404, {"error_code": 40401, "message": "Subject 's' not found."})).lookup("s", TEXT)


@pytest.mark.parametrize(
    ("response", "error"),
    [
        (httpx.Response(401, json={"error_code": 40101}), RegistryUnauthorised),
        (httpx.Response(403, text="<html>"), RegistryUnauthorised),
        (httpx.Response(200, text="<html>Welcome</html>"), RegistryAnswerError),
        (httpx.Response(404, text="<html>nginx</html>"), RegistryAnswerError),
        (httpx.Response(404, json={"title": "no such path"}), RegistryAnswerError),
        (httpx.Response(302, headers={"Location": "http://elsewhere/"}), RegistryAnswerError),
        (httpx.Response(200, json=[1]), RegistryAnswerError),
        (httpx.Response(200, json={"id": 7}), RegistryAnswerError),
        (httpx.Response(200, json={"id": "7", "schema": TEXT}), RegistryAnswerError),
        (httpx.Response(200, content=b"[" * 100_000), RegistryAnswerError),
        (httpx.Response(200, content=b" " * (ANSWER_BYTES_MAX + 1)), RegistryAnswerError),
        (httpx.Response(422, json={"error_code": 42201, "message": "bad"}), RegistryRefused),
        (httpx.Response(500, text="oops"), RegistryUnreachable),
        (httpx.Response(503, text=""), RegistryUnreachable),
    ],
)
def test_each_wrong_answer_is_an_error_of_its_own(response: httpx.Response, error: type[Exception]) -> None:
    """Denied access, nonsense, a refusal and a server error each raise the error class that fits."""
    with pytest.raises(error):
        _registry(lambda _: response).lookup("s", TEXT)


def test_what_may_pass_is_retried_a_bounded_number_of_times_with_growing_waits() -> None:
    """A connection that fails is tried three times with growing waits before the error is raised."""
    clock, calls = FakeClock(), []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        raise httpx.ConnectError("refused")

    with pytest.raises(RegistryUnreachable, match=r"attempts: 3\).*refused"):
        _registry(handler, clock).lookup("s", TEXT)
    assert len(calls) == 3
    assert clock.slept == [0.2, 0.4]


def test_a_registry_that_comes_back_in_time_is_not_an_error() -> None:
    """A call whose second attempt is answered succeeds."""
    answers = iter([httpx.Response(503), httpx.Response(200, json={"id": 7, "schema": TEXT})])
    assert _registry(lambda _: next(answers)).lookup("s", TEXT) == 7


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (httpx.Response(404), NoSuchCall),
        (httpx.Response(405), NoSuchCall),
        (httpx.Response(404, json="Not Found"), NoSuchCall),
        (httpx.Response(404, json={"error_code": 404}), NoSuchCall),
        (httpx.Response(405, json={"message": "Not allowed", "code": 405}), NoSuchCall),
        (httpx.Response(404, text="<html>"), RegistryAnswerError),
        (httpx.Response(409), RegistryAnswerError),
        (httpx.Response(404, json={"error_code": [404]}), RegistryAnswerError),
        (httpx.Response(200), RegistryAnswerError),
        (httpx.Response(404, json={"error_code": 40402, "message": "no such version"}), NotRegistered),
        (httpx.Response(405, json={"error_code": 40501, "message": "not now"}), RegistryRefused),
        (httpx.Response(409, json={"error_code": 409, "message": "incompatible"}), RegistryRefused),
    ],
)
def test_a_call_that_is_missing_a_thing_that_is_missing_and_a_refusal_are_told_apart(
    answer: httpx.Response, error: type[Exception]
) -> None:
    """Of the first kind are a wrong address and a registry that is older; only the second denies anything."""
    with pytest.raises(error) as caught:
        _registry(_giving(answer)).request("GET", "subjects/s/versions/1")
    assert caught.type is error
    assert "registry.test/apis/ccompat/v7" in str(caught.value)


def test_a_refusal_has_the_registry_s_own_status_and_sentence() -> None:
    """A refusal carries the registry's status and sentence, which callers decide by and show."""
    with pytest.raises(RegistryRefused) as caught:
        _registry(_answering(409, {"error_code": 40901, "message": "it has a reader"})).request("DELETE", "subjects/s")
    assert (caught.value.status, caught.value.reason) == (409, "it has a reader")


def test_an_answer_that_keeps_coming_is_given_up_after_the_time_for_a_request() -> None:
    """An answer that drips for longer than a request may take is given up as a time-out."""
    clock, sent = FakeClock(), []

    def dripping() -> Iterator[bytes]:
        while True:
            clock.now_s += 1.0
            sent.append(1)
            yield b" "

    registry = _registry(lambda _: httpx.Response(200, content=dripping()), clock, timeout_s=5.0, attempts=1)
    with pytest.raises(RegistryUnreachable, match="no answer in time") as caught:
        registry.schema(5)
    assert (caught.value.kind, len(sent)) == ("time-out", 6)


def test_an_answer_is_read_no_further_than_its_bound() -> None:
    """An endless answer is refused once it exceeds its bound, and no more of it is read."""
    chunk, sent = b" " * (1024 * 1024), []

    def endless() -> Iterator[bytes]:
        while True:
            sent.append(1)
            yield chunk

    with pytest.raises(RegistryAnswerError, match=f"answers more than {ANSWER_BYTES_MAX} bytes"):
        _registry(lambda _: httpx.Response(200, content=endless())).schema(5)
    assert len(sent) == ANSWER_BYTES_MAX // len(chunk) + 1


def test_an_answer_is_asked_for_and_taken_uncompressed_only() -> None:
    """A compressed answer is refused, since a few bytes of it could fill the memory."""
    asked: list[str] = []

    def bomb(request: httpx.Request) -> httpx.Response:
        asked.append(request.headers["Accept-Encoding"])
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=gzip.compress(b" " * 1_000_000))

    with pytest.raises(RegistryAnswerError, match="encoding that was not asked for"):
        _registry(bomb).schema(5)
    assert asked == ["identity"]


def test_the_clients_room_loads_nothing_heavy_before_the_first_question() -> None:
    """codegen and the services begin without HTTP, settings, Kafka and gRPC in memory for it."""
    heavy = {"httpx", "pydantic", "confluent_kafka", "grpc", "loguru", "litestar"}
    code = f"import tally.registry.lookup, sys; print(sorted({heavy!r} & {{*sys.modules}}))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_failed_tls_handshake_is_told_apart_and_not_retried() -> None:
    """A certificate that cannot be verified is an error of its own, raised after a single attempt."""
    calls = []

    def handler(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        raise httpx.ConnectError("certificate verify failed") from ssl.SSLCertVerificationError("self-signed")

    with pytest.raises(RegistryTlsError):
        _registry(handler).lookup("s", TEXT)
    assert len(calls) == 1


def _authorization(url: str, access: Access | None = None) -> str | None:
    seen: list[str | None] = []

    def handler(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("Authorization"))
        return httpx.Response(200, json={"schema": TEXT})

    _registry(handler, url=url, access=access or Access()).schema(1)
    return seen[0]


def test_credentials_come_from_the_address_or_are_given_and_the_given_ones_win() -> None:
    """Credentials are sent from the address, or from the settings, which take precedence."""
    pair = base64.b64encode(b"me:p@ss").decode()
    assert _authorization(URL) is None
    assert _authorization("http://me:p%40ss@registry.test/x") == f"Basic {pair}"
    assert _authorization(URL, Access(user="me", password="p@ss")) == f"Basic {pair}"
    assert _authorization("http://you:x@registry.test/x", Access(token="t")) == "Bearer t"


def test_secrets_never_stand_in_a_message() -> None:
    """A password in the address or the settings appears in no error, address or representation."""
    registry = _registry(_answering(401, {}), url="http://me:geheim@registry.test/x")
    with pytest.raises(RegistryUnauthorised) as caught:
        registry.schema(1)
    assert "geheim" not in str(caught.value)
    assert "geheim" not in registry.url
    assert "geheim" not in repr(Access("me", "geheim", "geheim"))
    assert "geheim" not in repr(registry)
    assert split_userinfo("http://me:geheim@host:1/x")[0] == "http://host:1/x"
