"""What is told of a broker that cannot be asked: more than that time has passed, where more is known."""

import contextlib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tally.kafka.topic_admin import TopicAdmin
from tally.kafka.trouble import KafkaTroubleError
from tests_support.certificates import Authority


@contextmanager
def tls_server(certificate: Path) -> Iterator[int]:
    """Yield the port of a server that shakes hands and says nothing more."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True):
                        pass

        threading.Thread(target=serve, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


def test_an_expired_certificate_is_told_and_not_only_a_time_out(tmp_path: Path) -> None:
    """A broker's expired certificate is reported as such, in words that are the same at each attempt."""
    authority = Authority()
    (tmp_path / "ca.pem").write_bytes(authority.certificate)
    (tmp_path / "broker.pem").write_bytes(b"".join(authority.issue(valid_days=-1)))
    with tls_server(tmp_path / "broker.pem") as port:
        config = {
            "bootstrap.servers": f"127.0.0.1:{port}",
            "security.protocol": "ssl",
            "ssl.ca.location": str(tmp_path / "ca.pem"),
            "log_level": "0",
        }
        with pytest.raises(KafkaTroubleError) as told:
            TopicAdmin(config, "tally.sums.v1", 5.0).identity()
    assert "has its certificate expired" in str(told.value)
    assert "certificate verify failed" in str(told.value)
    assert "after" not in str(told.value), "a text with a duration would be another reason each time"
