"""HTTP as somebody writes it who keeps to nothing: bytes over a socket, and what comes back."""

import socket
from typing import Self
from urllib.parse import urlsplit

from tests_support.rest import Answer

ANSWER_S = 20


class RawConnection:
    """One connection; a test that waits for ever for bytes fails after ``ANSWER_S``."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.hostname is not None
        self._socket = socket.create_connection((parts.hostname, parts.port or 80), timeout=ANSWER_S)
        self._left = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def send(self, data: bytes | str) -> Self:
        """Send bytes, or text whose lines end as HTTP's do."""
        self._socket.sendall(data if isinstance(data, bytes) else data.replace("\n", "\r\n").encode("latin-1"))
        return self

    def answer(self, *, has_body: bool = True) -> Answer:
        """Return the next answer; that to HEAD has no body. Raises ConnectionError when there is none."""
        while b"\r\n\r\n" not in self._left:
            self._left += self._more()
        head, _, rest = self._left.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        length = int(headers.get("content-length", "0")) if has_body else 0
        while len(rest) < length:
            rest += self._more()
        self._left = rest[length:]
        return Answer(status=int(first.split(" ")[1]), headers=headers, content=rest[:length])

    def is_closed(self) -> bool:
        """Return whether the other side ended the connection and said no more; waits for one or the other."""
        try:
            return not self._left and self._socket.recv(1) == b""
        except ConnectionError:
            return True

    def _more(self) -> bytes:
        data = self._socket.recv(65_536)
        if not data:
            raise ConnectionResetError("the connection was closed without an answer")
        return data
