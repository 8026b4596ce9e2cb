"""A registry seen by somebody who may only read: a proxy in front of the real one that answers 403 to every write.

It can know GUIDs as well, as Confluent's registry does and Apicurio does not: it adds one to each look-up's answer, and
gives the schema of one that it told.
"""

import json
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import httpx

_END_S = 30


@dataclass(frozen=True)
class ReadOnly:
    """The proxy's address, and what was asked there: (method, path) of each request, allowed or not."""

    url: str
    asked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def writes(self) -> list[tuple[str, str]]:
        """The requests that would have changed something."""
        return [one for one in self.asked if _writes(*one)]


def _writes(method: str, path: str) -> bool:
    """Tell reading from writing: a schema is looked up by POST subjects/X, registered by POST subjects/X/versions."""
    looks_up = method == "POST" and not path.partition("?")[0].rstrip("/").endswith("/versions")
    return method != "GET" and not looks_up


def _with_guid(content: bytes, guids: dict[str, int]) -> bytes:
    answer = json.loads(content)
    if not isinstance(answer, dict) or "id" not in answer:
        return content
    guid = str(uuid.uuid5(uuid.NAMESPACE_OID, str(answer["id"])))
    guids[guid] = answer["id"]
    return json.dumps({**answer, "guid": guid}).encode()


@contextmanager
def read_only(url: str, *, with_guids: bool = False) -> Iterator[ReadOnly]:
    """Yield the proxy to a registry; it closes with the block."""
    guids: dict[str, int] = {}
    parts = urlsplit(url)
    base = f"{parts.scheme}://{parts.netloc}"

    class Handler(BaseHTTPRequestHandler):
        def _pass(self) -> None:
            proxy.asked.append((self.command, self.path))
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            if _writes(self.command, self.path):
                status, body = 403, b'{"error_code": 403, "message": "read only"}'
            else:
                kind = {"Content-Type": self.headers.get("Content-Type") or "application/json"}
                before, _, guid = self.path.partition("/schemas/guids/")
                path = f"{before}/schemas/ids/{guids[guid]}" if guid in guids else self.path
                answer = httpx.request(self.command, base + path, content=content, headers=kind, timeout=10)
                status, body = answer.status_code, answer.content
                if with_guids and status == httpx.codes.OK:
                    body = _with_guid(body, guids)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _pass  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name there
            """Write nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    proxy = ReadOnly(f"http://127.0.0.1:{server.server_address[1]}{parts.path}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield proxy
    finally:
        server.shutdown()
        server.server_close()
        thread.join(_END_S)
