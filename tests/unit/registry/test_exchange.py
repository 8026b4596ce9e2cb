"""How a registry is asked: the way there, and what a message shows of an answer."""

import ssl

import httpx
import pytest

from tally.registry.errors import RegistryAnswerError
from tally.registry.http import RegistryHttp
from tally.registry.lookup import SchemaRegistry
from tests_support.registries.tls import serving

PROXIES = ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY")


def test_the_colons_of_a_context_stand_in_the_path() -> None:
    """A subject in a context keeps its colons in the path, since not every registry decodes them."""
    asked: list[bytes] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.raw_path)
        return httpx.Response(200, json={"id": 7, "schema": '"string"'})

    SchemaRegistry("http://registry.test", transport=httpx.MockTransport(answer)).lookup(":.staging:s", '"string"')
    assert asked == [b"/subjects/:.staging:s"]


def test_only_the_registry_of_another_machine_is_asked_through_the_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the environment names is used for another machine, and never for this one."""
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
    with serving(lambda _: (200, b'"proxy"')) as proxy, serving(lambda _: (200, b'"registry"')) as registry:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        for address, answer in (("http://registry.test/x", "proxy"), (registry, "registry")):
            http = RegistryHttp(address, timeout_s=10, attempts=1)
            assert http.request("GET", "subjects") == answer
            http.close()


def test_a_registry_on_this_machine_is_asked_without_reading_whom_to_trust(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without TLS no list of authorities is read, which takes as long as several requests at each start."""

    def read(*_arguments: object, **_options: object) -> ssl.SSLContext:
        raise AssertionError("the authorities are read")

    monkeypatch.setattr(ssl, "create_default_context", read)
    with serving(lambda _: (200, b"[]")) as url:
        http = RegistryHttp(url, timeout_s=10, attempts=1)
        assert http.request("GET", "subjects") == []
        http.close()


def test_a_message_shows_the_beginning_of_an_answer_on_one_line() -> None:
    """Of a long page of many lines a message has a short piece, as it stands in logs and on a terminal."""
    page = httpx.MockTransport(lambda _: httpx.Response(200, text="<html>\n  <p>Welcome\n" + "x" * 100_000))
    with pytest.raises(RegistryAnswerError, match="answers 200: <html> <p>Welcome x") as caught:
        RegistryHttp("http://registry.test", transport=page).request("GET", "subjects")
    assert len(str(caught.value)) < 500


def test_close_closes_the_connections() -> None:
    """After close() no connection is left open; it may be called before any request."""
    closed: list[bool] = []

    class Transport(httpx.MockTransport):
        def close(self) -> None:
            closed.append(True)

    http = RegistryHttp("http://registry.test", transport=Transport(lambda _: httpx.Response(200, json=[])))
    http.close()
    assert not closed
    http.request("GET", "subjects")
    http.close()
    assert closed == [True]
