"""A port of its own for /metrics, for a service that has no HTTP of its own."""

import contextlib
import socket
import threading
import time
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from observability.exposition import Exposition

_CALLS_MAX: Final = 8
"""At the same time, each on a thread; any more are closed at once. One or two programs ask, every few seconds."""
_CALL_S: Final = 5.0
"""A call that takes longer, since its caller says or takes nothing, gives its thread back."""


class MetricsPortError(Exception):
    """The port is taken; the message is one line with the setting that moves it."""


class MetricsServer(ThreadingMixIn, TCPServer):
    """Answers GET from at most ``_CALLS_MAX`` threads, which end with the process."""

    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 16

    def __init__(self, exposition: "Exposition", host: str, port: int) -> None:
        """Raises OSError."""
        self.exposition = exposition
        self._begun: dict[socket.socket, float] = {}
        self._lock = threading.Lock()
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Call)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Answer on a thread if there is one."""
        with self._lock:
            taken = len(self._begun) < _CALLS_MAX
            if taken:
                self._begun[request] = time.monotonic()
        if taken:
            super().process_request(request, client_address)
        else:
            self.shutdown_request(request)

    def shutdown_request(self, request: Any) -> None:
        """End a call, whose thread is then free."""
        with self._lock:
            self._begun.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """End the calls that take too long; the server's loop calls this twice a second."""
        with self._lock:
            late = [each for each, begun_s in self._begun.items() if time.monotonic() - begun_s > _CALL_S]
            for each in late:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)  # its thread wakes up and closes it

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a caller that left; the library would print a traceback."""


class _Call(BaseHTTPRequestHandler):
    timeout = _CALL_S

    def do_GET(self) -> None:
        server = self.server
        assert isinstance(server, MetricsServer)
        body, content_type = server.exposition.answer(self.headers.get("Accept", ""), time.monotonic())
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
        """Log nothing."""


def serve_metrics(exposition: "Exposition", host: str, port: int, setting: str) -> MetricsServer:
    """Serve /metrics from threads that end with the process. Raises MetricsPortError; ``setting`` moves the port."""
    try:
        server = MetricsServer(exposition, host, port)
    except OSError as error:
        raise MetricsPortError(
            f"{setting} is {port}: metrics cannot be served on {host}:{port} ({error.strerror or error}): "
            f"end what uses the port, or set {setting} to another (0: not served)"
        ) from error
    threading.Thread(target=server.serve_forever, name="metrics-server", daemon=True).start()
    return server
