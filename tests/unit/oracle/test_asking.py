"""The oracle asks this machine's own servers, whatever the environment says of proxies."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from oracle.asking import get


class _Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = f"{self.path} {self.headers.get('X-Word')}".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server for one request, which must come."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with HTTPServer(("127.0.0.1", 0), _Echo) as one:
        thread = threading.Thread(target=one.handle_request, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{one.server_port}"
        thread.join(10)


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    """It could not reach it; this one is not even there."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert get(f"{server}/v1/total", {"X-Word": "hello"}).text == "/v1/total hello"


def test_it_is_asked_for_any_other_machine(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    """Else a system behind it could not be verified."""
    monkeypatch.setenv("http_proxy", server)
    assert get("http://tally.invalid/v1/total").text.startswith("http://tally.invalid/v1/total")
