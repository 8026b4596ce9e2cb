"""A server of this machine for one request, which must come: what a proxy that is not there could not reach."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

ABSENT_PROXY = "http://127.0.0.1:1"


@contextmanager
def one_answer(monkeypatch: pytest.MonkeyPatch, body_of: Callable[[BaseHTTPRequestHandler], bytes]) -> Iterator[str]:
    """Yield its address, which no variable of the environment exempts from a proxy; it answers 200 with the body."""
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = body_of(self)
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.handle_request, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        thread.join(10)
