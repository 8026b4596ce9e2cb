"""The oracle asks this machine's own servers, whatever the environment says of proxies."""

from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler

import pytest

from oracle.asking import get
from tests_support.running.one_answer import ABSENT_PROXY, one_answer


def what_came(request: BaseHTTPRequestHandler) -> bytes:
    return f"{request.path} {request.headers.get('X-Word')}".encode()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    with one_answer(monkeypatch, what_came) as url:
        yield url


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    """The oracle asks a server of this machine directly, whatever proxy the environment names."""
    monkeypatch.setenv("http_proxy", ABSENT_PROXY)
    assert get(f"{server}/v1/total", {"X-Word": "hello"}).text == "/v1/total hello"


def test_it_is_asked_for_any_other_machine(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    """The oracle asks another machine's system through the proxy that the environment names."""
    monkeypatch.setenv("http_proxy", server)
    assert get("http://tally.invalid/v1/total").text.startswith("http://tally.invalid/v1/total")
