"""Where the load goes: to this machine, whatever the environment says of proxies."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from loadtests.target import Target, Total, total_of


class _Total(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = b'{"complete": true, "count": 2, "total": "42.5"}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_a_proxy_of_the_environment_is_not_asked_for_the_total(monkeypatch) -> None:
    """Load tests are for the system of this machine; a proxy could not reach it."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with HTTPServer(("127.0.0.1", 0), _Total) as server:
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        found = total_of(Target(grpc="", rest=f"http://127.0.0.1:{server.server_port}", kafka="", registry=""))
        thread.join(10)
    assert found == Total(2, "42.5")
