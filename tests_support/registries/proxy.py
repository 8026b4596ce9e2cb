"""A proxy in front of a registry that answers questions about schema ids badly when told so; all else passes."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Literal, Self

Mood = Literal["honest", "failing", "silent", "elsewhere"]
"""failing: 500. silent: no answer until the mood changes. elsewhere: 404 in JSON, as a gateway without that path."""

_BY_ID: Final = "/schemas/ids/"
_HEADERS: Final = ("Content-Type", "Accept")
_BAD_ANSWERS: Final = {
    "failing": (500, b'{"error_code": 50001, "message": "the storage does not answer"}'),
    "elsewhere": (404, b'{"error_code": 404, "message": "HTTP 404 Not Found"}'),
}
_WAIT_S: Final = 30.0


class RegistryProxy:
    """A ``with`` block is its life. Set ``upstream_port`` before anybody asks. ``asked``: an id for each question."""

    def __init__(self) -> None:
        self.upstream_port = 0
        self.asked: list[int] = []
        self._mood: Mood = "honest"
        self._changed = threading.Condition()
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True
            wbufsize = -1

            def do_GET(self) -> None:
                status, content = proxy.answer(self)
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_POST = do_PUT = do_GET  # noqa: N815 - the library's names

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_port

    def __enter__(self) -> Self:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.mood = "honest"
        self._server.shutdown()
        self._server.server_close()

    @property
    def mood(self) -> Mood:
        """How it answers."""
        return self._mood

    @mood.setter
    def mood(self, mood: Mood) -> None:
        with self._changed:
            self._mood = mood
            self._changed.notify_all()

    def answer(self, request: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        """Return the registry's status and content, or bad ones."""
        if _BY_ID in request.path:
            self.asked.append(int(request.path.rpartition("/")[2]))
            with self._changed:
                self._changed.wait_for(lambda: self._mood != "silent", _WAIT_S)
                mood = self._mood
            if mood in _BAD_ANSWERS:
                return _BAD_ANSWERS[mood]
        length = int(request.headers.get("Content-Length") or 0)
        body = request.rfile.read(length) if length else None
        headers = {name: request.headers[name] for name in _HEADERS if name in request.headers}
        upstream = http.client.HTTPConnection("127.0.0.1", self.upstream_port, timeout=_WAIT_S)
        try:
            upstream.request(request.command, request.path, body, headers)
            answer = upstream.getresponse()
            return answer.status, answer.read()
        finally:
            upstream.close()
