"""Where the load goes: to this machine, whatever the environment says of proxies."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from loadtests.target import Target, Total, total_of
from loadtests.topic import Registry


class _Answer(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"complete": true, "count": 2, "total": "42.5", "id": 7}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A server for one request, which must come; the proxy that the environment names is not there."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with HTTPServer(("127.0.0.1", 0), _Answer) as one:
        thread = threading.Thread(target=one.handle_request, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{one.server_port}"
        thread.join(10)


def test_a_proxy_of_the_environment_is_not_asked_for_the_total(server: str) -> None:
    """Load tests are for the system of this machine; a proxy could not reach it."""
    assert total_of(Target(grpc="", rest=server, kafka="", registry="")) == Total(2, "42.5")


def test_a_proxy_of_the_environment_is_not_asked_for_the_registry_of_this_machine(server: str) -> None:
    """Nor by the reader of the topic."""
    assert Registry(server).latest_id("tally.sums.v1-value") == 7
