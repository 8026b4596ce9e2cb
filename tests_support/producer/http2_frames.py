"""gRPC calls frame by frame, as no library sends them: on a plain HTTP/2 connection of this machine."""

import socket
import struct
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_HEAD_BYTES: Final = 9
_STREAM: Final = 1
_FRAME_BYTES_MAX: Final = 16_384  # what every server takes


@dataclass
class Seen:
    """What the server has sent. ``trailers``: the last block of headers, raw."""

    pongs: int = 0
    goaway: bytes = b""
    ended: bool = False
    closed: bool = False
    trailers: bytes = b""
    lock: threading.Condition = field(default_factory=threading.Condition)


class RawCall:
    """One call on a connection of its own; a ``with`` block is its life. A thread reads what comes after ``send``."""

    def __init__(self, port: int, path: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._path = path
        self.seen = Seen()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def send(self, messages: Sequence[bytes], *, half_close: bool = True) -> None:
        """Begin the call, send messages, and tell that no more will come."""
        body = b"".join(struct.pack(">BI", 0, len(message)) + message for message in messages)
        self._socket.sendall(_begun(self._path) + _frame(DATA, _END_STREAM if half_close else 0, _STREAM, body))
        # Not before: what is acknowledged must stand behind the preface.
        threading.Thread(target=self._read, daemon=True).start()

    def ping(self) -> None:
        """Ask for a sign of life."""
        self._socket.sendall(_frame(PING, 0, 0, bytes(8)))

    def wait_ended(self, timeout_s: float) -> bytes:
        """Return the raw trailers once the server has ended the call."""
        with self.seen.lock:
            ended = self.seen.lock.wait_for(lambda: self.seen.ended or self.seen.closed, timeout_s)
        assert ended, f"the call is not ended after {timeout_s} s"
        return self.seen.trailers

    def _read(self) -> None:
        data = b""
        try:
            while received := self._socket.recv(65_536):
                data = self._take(data + received)
        except OSError:
            pass
        with self.seen.lock:
            self.seen.closed = True
            self.seen.lock.notify_all()

    def _take(self, data: bytes) -> bytes:
        while len(data) >= _HEAD_BYTES:
            end = _HEAD_BYTES + int.from_bytes(data[:3], "big")
            if len(data) < end:
                break
            self._note(data[3], data[4], data[_HEAD_BYTES:end])
            data = data[end:]
        return data

    def _note(self, kind: int, flags: int, payload: bytes) -> None:
        seen = self.seen
        with seen.lock:
            seen.pongs += kind == PING and bool(flags & _ACK)
            seen.goaway = payload if kind == GOAWAY else seen.goaway
            if kind == HEADERS:
                seen.trailers = payload
            seen.ended |= kind == RST_STREAM or (kind == HEADERS and bool(flags & _END_STREAM))
            seen.lock.notify_all()
        if kind in (SETTINGS, PING) and not flags & _ACK:
            self._socket.sendall(_frame(kind, _ACK, 0, payload if kind == PING else b""))


def begun_message(path: str, promised_bytes: int, sent_bytes: int) -> bytes:
    """Return all that a client sends which begins a call with one message and stops on the way.

    ``sent_bytes`` are zeros, at most what a server takes before it has said more: 65,530.
    """
    data = struct.pack(">BI", 0, promised_bytes) + bytes(sent_bytes)
    parts = (data[at : at + _FRAME_BYTES_MAX] for at in range(0, len(data), _FRAME_BYTES_MAX))
    return _begun(path) + b"".join(_frame(DATA, 0, _STREAM, part) for part in parts)


def _begun(path: str) -> bytes:
    """Return the begin of a connection and of its first call."""
    block = b"".join(
        _literal(name, value)
        for name, value in (
            (":method", "POST"),
            (":scheme", "http"),
            (":path", path),
            (":authority", "localhost"),
            ("content-type", "application/grpc"),
            ("te", "trailers"),
        )
    )
    return _PREFACE + _frame(SETTINGS, 0, 0, b"") + _frame(HEADERS, _END_HEADERS, _STREAM, block)


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def _literal(name: str, value: str) -> bytes:
    """Return a header that no table knows (RFC 7541, 6.2.2), each part shorter than 127 bytes."""
    parts = (part.encode() for part in (name, value))
    return b"\x00" + b"".join(bytes([len(part)]) + part for part in parts)
