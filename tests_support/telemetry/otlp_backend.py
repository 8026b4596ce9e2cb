"""A backend that takes OTLP over HTTP or gRPC, keeps what it is sent, and fails or hangs on request."""

import gzip
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import grpc
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

_REQUESTS: dict[str, Any] = {
    "/v1/traces": ExportTraceServiceRequest,
    "/v1/metrics": ExportMetricsServiceRequest,
    "/v1/logs": ExportLogsServiceRequest,
}
_METHODS = {
    f"/opentelemetry.proto.collector.{package}.v1.{service}/Export": path
    for package, service, path in (
        ("trace", "TraceService", "/v1/traces"),
        ("metrics", "MetricsService", "/v1/metrics"),
        ("logs", "LogsService", "/v1/logs"),
    )
}


class Backend:
    """``status`` is what it answers; while ``hang`` is set it answers nothing."""

    def __init__(self) -> None:
        self.status = 200
        self.hang = threading.Event()
        self.ended = threading.Event()
        self.asked = 0
        self.spans: list[Any] = []
        self.logs: list[Any] = []
        self.metrics: set[str] = set()
        self.services: set[str] = set()
        self.url = ""

    def take(self, path: str, body: bytes) -> int:
        """Take one request; return the status of the answer."""
        self.asked += 1
        if self.hang.is_set():
            self.ended.wait()
        if self.status != 200:
            return self.status
        request = _REQUESTS[path].FromString(body)
        for resource in getattr(request, "resource_spans", ()):
            self._resource(resource)
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        for resource in getattr(request, "resource_logs", ()):
            self._resource(resource)
            self.logs += [record for scope in resource.scope_logs for record in scope.log_records]
        for resource in getattr(request, "resource_metrics", ()):
            self._resource(resource)
            self.metrics |= {metric.name for scope in resource.scope_metrics for metric in scope.metrics}
        return 200

    def _resource(self, resource: Any) -> None:
        self.services |= {
            each.value.string_value for each in resource.resource.attributes if each.key == "service.name"
        }

    def named(self, name: str) -> list[Any]:
        """Return the spans of a name."""
        return [span for span in self.spans if span.name == name]


@contextmanager
def otlp_backend() -> Iterator[Backend]:
    """Yield a backend that listens on loopback."""
    backend = Backend()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            self.send_response(backend.take(self.path, body))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    backend.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield backend
    finally:
        backend.ended.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


@contextmanager
def otlp_backend_by_grpc() -> Iterator[Backend]:
    """Yield a backend that listens on loopback and speaks gRPC."""
    backend = Backend()

    class Handler(grpc.GenericRpcHandler):
        def service(self, details: Any) -> Any:
            path = _METHODS[details.method]

            def export(body: bytes, context: grpc.ServicerContext) -> bytes:
                if backend.take(path, body) != 200:
                    context.abort(grpc.StatusCode.INVALID_ARGUMENT, "refused")
                return b""

            return grpc.unary_unary_rpc_method_handler(export)

    server = grpc.server(ThreadPoolExecutor(3), handlers=[Handler()])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    backend.url = f"http://127.0.0.1:{port}"
    try:
        yield backend
    finally:
        backend.ended.set()
        server.stop(0).wait(10)
