"""A web server on loopback that answers as a test says, in the clear or with TLS and client certificates."""

import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests_support.certificates import Authority

Answers = Callable[[dict[str, str]], tuple[int, bytes] | None]
"""(status, body) for a request's headers, lower case; None never answers."""

_END_S = 30


@contextmanager
def serving(answers: Answers, tls: ssl.SSLContext | None = None) -> Iterator[str]:
    """Yield the address of a server; it ends with the block, and so do the requests that it never answers."""
    ended = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            found = answers({name.lower(): value for name, value in self.headers.items()})
            if found is None:
                ended.wait(_END_S)
                return
            status, body = found
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815 - the names that http.server calls

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - its name there
            """Write nothing."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, request: object, client_address: object) -> None:
            """Write nothing: a refused handshake is what a test wants to see on the other side."""

    server = Server(("127.0.0.1", 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"{'https' if tls else 'http'}://127.0.0.1:{server.server_address[1]}"
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join(_END_S)


@dataclass(frozen=True)
class TlsFolder:
    """An authority, a server's certificate for 127.0.0.1, and a client's with an encrypted key."""

    folder: Path
    key_password: str = "hush-4711-key"

    @property
    def authority(self) -> Path:
        """The certificate of who signed both."""
        return self.folder / "authority.pem"

    @property
    def client_certificate(self) -> Path:
        """The client's certificate."""
        return self.folder / "client.pem"

    @property
    def client_key(self) -> Path:
        """Its key, under the password."""
        return self.folder / "client.key"

    def server_context(self) -> ssl.SSLContext:
        """Return a server's side that wants a client certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        context.load_verify_locations(self.authority)
        context.verify_mode = ssl.CERT_REQUIRED
        return context

    @classmethod
    def make(cls, folder: Path) -> "TlsFolder":
        """Write the files."""
        made = cls(folder)
        authority = Authority()
        made.authority.write_bytes(authority.certificate)
        for name, password in (("server", None), ("client", made.key_password)):
            key, certificate = authority.issue(password=password)
            (folder / f"{name}.key").write_bytes(key)
            (folder / f"{name}.pem").write_bytes(certificate)
        return made
