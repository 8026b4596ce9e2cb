"""A web server on loopback that answers as a test says, in the clear or with TLS and client certificates."""

import datetime
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

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
        root = ec.generate_private_key(ec.SECP256R1())
        made._certificate("authority", root, "authority", root, authority=True)
        for name, password in (("server", None), ("client", made.key_password)):
            key = ec.generate_private_key(ec.SECP256R1())
            made._certificate(name, key, "authority", root, authority=False)
            encryption = (
                serialization.BestAvailableEncryption(password.encode()) if password else serialization.NoEncryption()
            )
            pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)
            (folder / f"{name}.key").write_bytes(pem)
        return made

    def _certificate(
        self,
        subject: str,
        key: ec.EllipticCurvePrivateKey,
        issuer: str,
        signer: ec.EllipticCurvePrivateKey,
        *,
        authority: bool,
    ) -> None:
        now = datetime.datetime.now(datetime.UTC)
        builder = x509.CertificateBuilder(
            issuer_name=_name(issuer),
            subject_name=_name(subject),
            public_key=key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=now - datetime.timedelta(hours=1),
            not_valid_after=now + datetime.timedelta(days=1),
        ).add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        if not authority:
            address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
            builder = builder.add_extension(x509.SubjectAlternativeName([address]), critical=False)
        made = builder.sign(signer, hashes.SHA256())
        (self.folder / f"{subject}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])
