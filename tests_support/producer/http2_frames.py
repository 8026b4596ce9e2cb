"""HTTP/2 and gRPC frame by frame, as no library sends them: on plain connections of this machine.

The server's answers are read by a thread. No table of headers is kept: the connection's settings forbid the server to
use one, so a header stands in its frame as name and value.
"""

import re
import socket
import struct
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Final, Self

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_MAX: Final = 16_384
WINDOW: Final = 65_535
"""What each side may send before the other says more."""
_TABLE_SIZE, INITIAL_WINDOW = 1, 4
_HEAD_BYTES: Final = 9
_STATUS: Final = re.compile(rb"grpc-status[\x01\x02](\d{1,2})")


def frame(kind: int, flags: int, stream: int, payload: bytes = b"", *, length: int | None = None) -> bytes:
    """Return a frame; ``length`` is what it says of itself, if not the truth."""
    size = len(payload) if length is None else length
    return size.to_bytes(3, "big") + bytes([kind & 0xFF, flags & 0xFF]) + stream.to_bytes(4, "big") + payload


def literal(name: str | bytes, value: str | bytes) -> bytes:
    """Return a header that no table knows (RFC 7541, 6.2.2)."""
    parts = (part.encode() if isinstance(part, str) else part for part in (name, value))
    return b"\x00" + b"".join(_length(len(part)) + part for part in parts)


def _length(size: int) -> bytes:
    if size < 0x7F:
        return bytes([size])
    out, rest = bytearray([0x7F]), size - 0x7F
    while rest > 0x7F:
        out.append(rest & 0x7F | 0x80)
        rest >>= 7
    out.append(rest)
    return bytes(out)


def call_headers(path: str, *more: tuple[str, str]) -> bytes:
    """Return the block of headers that a call begins with."""
    usual = (
        (":method", "POST"),
        (":scheme", "http"),
        (":path", path),
        (":authority", "localhost"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
    )
    return b"".join(literal(name, value) for name, value in (*usual, *more))


def message_frame(message: bytes, *, flag: int = 0, length: int | None = None) -> bytes:
    """Return a gRPC message with its five bytes in front; ``length`` is what they say, if not the truth."""
    return struct.pack(">BI", flag, len(message) if length is None else length) + message


def begun_message(path: str, promised_bytes: int, sent_bytes: int) -> bytes:
    """Return all that a client sends which begins a call with one message and stops on the way.

    ``sent_bytes`` are zeros, at most what a server takes before it has said more: 65,530.
    """
    data = message_frame(bytes(sent_bytes), length=promised_bytes)
    parts = (data[at : at + FRAME_MAX] for at in range(0, len(data), FRAME_MAX))
    begin = PREFACE + frame(SETTINGS, 0, 0) + frame(HEADERS, END_HEADERS, 1, call_headers(path))
    return begin + b"".join(frame(DATA, 0, 1, part) for part in parts)


@dataclass
class Seen:
    """What the server has sent. ``trailers``: by stream, the last block of headers, raw."""

    pongs: int = 0
    goaway: bytes = b""
    closed: bool = False
    trailers: dict[int, bytes] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)
    lock: threading.Condition = field(default_factory=threading.Condition)

    def status(self, stream: int) -> int | None:
        """Return the gRPC status that a stream ended with, None if it had none."""
        found = _STATUS.search(self.trailers.get(stream, b""))
        return int(found[1]) if found else None


class RawConnection:
    """A connection; a ``with`` block is its life. Its reader answers pings and settings, and grants no window."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port))
        self._window = WINDOW
        self._windows: dict[int, int] = {}
        self._initial_window = WINDOW
        self.seen = Seen()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the reader
        self._socket.close()

    def begin(self, *first: bytes) -> None:
        """Send the preface and the first frames, and read from then on: no acknowledgement may come before them."""
        no_table = frame(SETTINGS, 0, 0, struct.pack(">HI", _TABLE_SIZE, 0))
        self.send(PREFACE, no_table, *first)
        threading.Thread(target=self._read, daemon=True).start()

    def send(self, *frames: bytes) -> None:
        """Send bytes as they are. Raises OSError when the server has closed the connection."""
        self._socket.sendall(b"".join(frames))

    def end(self) -> None:
        """Say that nothing more will come; the server may still answer. Raises OSError when it has closed."""
        self._socket.shutdown(socket.SHUT_WR)

    def push(self, stream: int, data: bytes, timeout_s: float) -> int:
        """Send data as far as the server's windows allow; return how much, once no window comes for a while."""
        sent, seen = 0, self.seen
        while sent < len(data):
            with seen.lock:
                allowed = seen.lock.wait_for(
                    lambda: seen.closed or stream in seen.ended or self._room(stream), timeout_s
                )
                size = min(self._room(stream), len(data) - sent)
                if not allowed or size <= 0:
                    break
                self._window -= size
                self._windows[stream] = self._windows.get(stream, self._initial_window) - size
            try:
                self.send(frame(DATA, 0, stream, data[sent : sent + size]))
            except OSError:
                break
            sent += size
        return sent

    def wait_ended(self, stream: int, timeout_s: float) -> bool:
        """Return whether the server has ended a stream, or the connection, in time."""
        with self.seen.lock:
            return self.seen.lock.wait_for(lambda: stream in self.seen.ended or self.seen.closed, timeout_s)

    def wait_closed(self, timeout_s: float) -> bool:
        """Return whether the server has closed the connection in time."""
        with self.seen.lock:
            return self.seen.lock.wait_for(lambda: self.seen.closed, timeout_s)

    def _room(self, stream: int) -> int:
        if self.seen.closed or stream in self.seen.ended:
            return 0
        return min(self._window, self._windows.get(stream, self._initial_window), FRAME_MAX)

    def _read(self) -> None:
        data = b""
        with suppress(OSError):
            while received := self._socket.recv(65_536):
                data = self._take(data + received)
        with self.seen.lock:
            self.seen.closed = True
            self.seen.lock.notify_all()

    def _take(self, data: bytes) -> bytes:
        while len(data) >= _HEAD_BYTES:
            end = _HEAD_BYTES + int.from_bytes(data[:3], "big")
            if len(data) < end:
                break
            self._note(data[3], data[4], int.from_bytes(data[5:9], "big"), data[_HEAD_BYTES:end])
            data = data[end:]
        return data

    def _note(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        seen = self.seen
        with seen.lock:
            if kind == HEADERS:
                seen.trailers[stream] = payload
            elif kind == GOAWAY:
                seen.goaway = payload
            elif kind == PING:
                seen.pongs += bool(flags & ACK)
            elif kind == SETTINGS:
                self._set(payload)
            elif kind == WINDOW_UPDATE:
                self._grant(stream, int.from_bytes(payload, "big"))
            if kind == RST_STREAM or (kind in (HEADERS, DATA) and flags & END_STREAM):
                seen.ended.add(stream)
            seen.lock.notify_all()
        if kind in (SETTINGS, PING) and not flags & ACK:
            self.send(frame(kind, ACK, 0, payload if kind == PING else b""))

    def _set(self, payload: bytes) -> None:
        for name, value in struct.iter_unpack(">HI", payload):
            if name == INITIAL_WINDOW:
                more, self._initial_window = value - self._initial_window, value
                self._windows = {stream: size + more for stream, size in self._windows.items()}

    def _grant(self, stream: int, more: int) -> None:
        if stream:
            self._windows[stream] = self._windows.get(stream, self._initial_window) + more
        else:
            self._window += more


class RawCall(RawConnection):
    """One call on a connection of its own."""

    STREAM: Final = 1

    def __init__(self, port: int, path: str) -> None:
        super().__init__(port)
        self._path = path

    def call(self, messages: Sequence[bytes], *more: tuple[str, str], half_close: bool = True) -> None:
        """Begin the call with ``more`` headers, send messages, and tell that no more will come."""
        body = b"".join(map(message_frame, messages))
        self.begin(
            frame(HEADERS, END_HEADERS, self.STREAM, call_headers(self._path, *more)),
            frame(DATA, END_STREAM if half_close else 0, self.STREAM, body),
        )

    def ping(self) -> None:
        """Ask for a sign of life."""
        self.send(frame(PING, 0, 0, bytes(8)))

    def answer(self, timeout_s: float) -> bytes:
        """Return the raw trailers once the server has ended the call."""
        assert self.wait_ended(self.STREAM, timeout_s), f"the call is not ended after {timeout_s} s"
        return self.seen.trailers.get(self.STREAM, b"")
