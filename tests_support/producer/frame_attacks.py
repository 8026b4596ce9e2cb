"""What strangers send instead of calls: HTTP/2 and gRPC frames as no library makes them, drawn from a seed.

Each attack is what one connection sends behind its preface. ``says`` has the additions that a server may read in it, so
that a test can find out what became of them; ``answered`` has the streams whose calls are in order, however odd their
frames are.
"""

import gzip
import random
import struct
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError

from loadtests.traffic.columns import columns_request_of
from producer.core import columns as columnar
from producer.core.addition import Addition, validate
from tally.client.outcomes import Addition as Texts
from tally.event.decimals import text_of
from tally.generated.tally.v1.tally_pb2 import AddBatchRequest, AddColumnsRequest, AddRequest
from tests_support.producer.http2_frames import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_MAX,
    HEADERS,
    INITIAL_WINDOW,
    PING,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    call_headers,
    frame,
    literal,
    message_frame,
)
from tests_support.producer.mutations import mutated

ADD, ADD_BATCH = "/tally.v1.TallyService/Add", "/tally.v1.TallyService/AddBatch"
ADD_COLUMNS: Final = "/tally.v1.TallyService/AddColumns"
PATHS: Final = (
    ADD,
    ADD_BATCH,
    ADD_COLUMNS,
    "/grpc.health.v1.Health/Check",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
    "/tally.v1.TallyService/Nothing",
)
FLOOD: Final = 1_500
"""Frames of a flood."""
_PADDED: Final = 8
_CANCEL: Final = 8


@dataclass(frozen=True)
class Attack:
    """See the module. ``good``: the answer is OK. ``unreadable``: gRPC cannot read the call, and may say INTERNAL."""

    sends: bytes
    says: Sequence[Addition] = ()
    answered: Sequence[int] = ()
    good: bool = False
    unreadable: bool = False


def _drawn(rng: random.Random) -> AddRequest:
    return AddRequest(
        request_id=str(uuid.UUID(int=rng.getrandbits(128))), a=str(rng.randrange(10**6)), b=f"-{rng.randrange(99)}.5"
    )


def _request(rng: random.Random) -> tuple[str, bytes]:
    """Return a method and a request that it accepts."""
    if rng.random() < 0.5:
        return ADD, _drawn(rng).SerializeToString()
    some = [_drawn(rng) for _ in range(rng.randint(1, 20))]
    if rng.random() < 0.5:
        return ADD_BATCH, AddBatchRequest(additions=some).SerializeToString()
    return ADD_COLUMNS, columns_request_of([Texts(r.request_id, r.a, r.b) for r in some]).SerializeToString()


def _says(path: str, message: bytes) -> list[Addition]:
    """Return the additions that a server finds in a message."""
    if path == ADD_COLUMNS:
        return _says_in_columns(message)
    try:
        some = [AddRequest.FromString(message)] if path == ADD else AddBatchRequest.FromString(message).additions
    except DecodeError:
        return []
    return [each for r in some if isinstance(each := validate(r.request_id, r.a, r.b), Addition)]


def _says_in_columns(message: bytes) -> list[Addition]:
    try:
        request = AddColumnsRequest.FromString(message)
    except DecodeError:
        return []
    if columnar.misshapen(request.request_ids, request.a, request.b):
        return []
    columns, valid, _ = columnar.read(request.request_ids, request.a, request.b)
    return [columns.addition(row) for row in valid.tolist()]


def texts_of(addition: Addition) -> tuple[str, str, str]:
    """Return id and operands as a caller writes them."""
    return addition.request_id_text, text_of(addition.a), text_of(addition.b)


def _opened(path: str, *more: tuple[str, str], stream: int = 1) -> bytes:
    return frame(HEADERS, END_HEADERS, stream, call_headers(path, *more))


def _split(data: bytes, rng: random.Random) -> bytes:
    """Return DATA frames of odd sizes, empty ones among them; the last one ends the stream."""
    out, at = b"", 0
    while at < len(data):
        size = rng.choice((0, 1, 5, 100, FRAME_MAX))
        out += frame(DATA, 0, 1, data[at : at + size])
        at += size
    return out + frame(DATA, END_STREAM, 1)


def split_frames(rng: random.Random) -> Attack:
    """A call in order, in frames of odd sizes."""
    path, message = _request(rng)
    return Attack(_opened(path) + _split(message_frame(message), rng), _says(path, message), (1,), good=True)


def padded_frames(rng: random.Random) -> Attack:
    """A call whose frames are padded, which gRPC's core does not know: it takes the padding for the message."""
    path, message = _request(rng)
    padding = rng.randrange(256)
    data = bytes([padding]) + message_frame(message) + bytes(padding)
    return Attack(_opened(path) + frame(DATA, _PADDED | END_STREAM, 1, data), _says(path, message), unreadable=True)


def changed_requests(rng: random.Random) -> Attack:
    """Three calls at a time whose requests were changed."""
    sends, says = b"", []
    for stream in (1, 3, 5):
        path, message = _request(rng)
        message = mutated(message, rng)
        sends += _opened(path, stream=stream) + frame(DATA, END_STREAM, stream, message_frame(message))
        says += _says(path, message)
    return Attack(sends, says, (1, 3, 5))


def wrong_lengths_of_messages(rng: random.Random) -> Attack:
    """A message that says it is longer or shorter than it is, or of another kind."""
    message = _drawn(rng).SerializeToString()
    length = rng.choice((0, 1, len(message) - 1, len(message) + 1, 70_000, 2**31, 2**32 - 1))
    flag = rng.choice((0, 0, 1, 2, 255))
    body = message_frame(message, flag=flag, length=length)[: rng.choice((3, 5, None))]
    path = rng.choice([path for path in PATHS if not path.endswith("Watch")])
    return Attack(_opened(path) + frame(DATA, END_STREAM, 1, body), answered=(1,), unreadable=flag == 1)


def compressed(rng: random.Random) -> Attack:
    """A message that is compressed, or says so."""
    message = _drawn(rng).SerializeToString()
    packed, encoding = rng.choice(
        (
            (gzip.compress(message), "gzip"),
            (message, "gzip"),
            (gzip.compress(bytes(8 << 20)), "gzip"),
            (message, "deflate"),
            (gzip.compress(message)[:-3], "gzip"),
            (message, "identity"),
            (message, "zstd"),
        )
    )
    sends = _opened(ADD, ("grpc-encoding", encoding)) + frame(DATA, END_STREAM, 1, message_frame(packed, flag=1))
    return Attack(sends, _says(ADD, message), (1,), unreadable=True)


def wrong_lengths_of_frames(rng: random.Random) -> Attack:
    """A frame that says it is longer or shorter than it is, and then a call."""
    path, message = _request(rng)
    kind = rng.choice((DATA, HEADERS, SETTINGS, PING, RST_STREAM, WINDOW_UPDATE, PRIORITY))
    length = rng.choice((0, 1, 3, 5, 7, FRAME_MAX, FRAME_MAX + 1, 2**24 - 1))
    odd = frame(kind, rng.randrange(256), rng.choice((0, 1, 2)), rng.randbytes(rng.randrange(20)), length=length)
    whole = _opened(path) + frame(DATA, END_STREAM, 1, message_frame(message))
    return Attack(rng.choice((odd + whole, _opened(path) + odd + whole)), _says(path, message), unreadable=True)


def wrong_frames(rng: random.Random) -> Attack:
    """Frames of no kind, on streams that cannot be, and in no order, around a call."""
    path, message = _request(rng)
    parts = [_opened(path), frame(DATA, END_STREAM, 1, message_frame(message))]
    for _ in range(rng.randint(1, 6)):
        kind = rng.choice((*range(10), *(rng.randrange(256) for _ in range(3))))
        stream = rng.choice((0, 1, 1, 2, 3, 2**31 - 1))
        odd = frame(kind, rng.randrange(256), stream, rng.randbytes(rng.choice((0, 4, 5, 6, 8, 40))))
        parts.insert(rng.randint(0, len(parts)), odd)
    return Attack(b"".join(parts), _says(path, message), unreadable=True)


def order_of_streams(rng: random.Random) -> Attack:
    """Streams that go back, that are even, or that are opened twice, and promises that only servers may make."""
    parts = [_opened(rng.choice(PATHS), stream=rng.choice((1, 2, 3, 5, 2**31 - 1))) for _ in range(rng.randint(2, 6))]
    parts += [
        frame(PUSH_PROMISE, END_HEADERS, 1, struct.pack(">I", 2) + call_headers(ADD)),
        frame(PRIORITY, 0, 1, struct.pack(">IB", 1, 0)),
        frame(CONTINUATION, END_HEADERS, 1, call_headers(ADD)),
    ]
    rng.shuffle(parts)
    return Attack(b"".join(parts), unreadable=True)


def trailers(rng: random.Random) -> Attack:
    """A call whose client ends it by headers."""
    path, message = _request(rng)
    names = (b"grpc-status", b"x", b":path", b"X-Upper", b"grpc-timeout", b"te", b"", rng.randbytes(5))
    block = b"".join(literal(rng.choice(names), rng.randbytes(rng.randrange(30))) for _ in range(rng.randrange(5)))
    end = frame(HEADERS, END_HEADERS | rng.choice((0, END_STREAM)), 1, block)
    return Attack(
        _opened(path) + frame(DATA, 0, 1, message_frame(message)) + end, _says(path, message), unreadable=True
    )


def unreadable_metadata(rng: random.Random) -> Attack:
    """Headers that gRPC reads and cannot, pseudo-headers twice or missing, and headers without sense."""
    more = rng.choice(
        (
            ("grpc-timeout", rng.choice(("-1S", "", "S", "1", "999999999999999S", "1H1H", "0n"))),
            ("x-numbers-bin", "%%%"),
            ("content-type", rng.choice(("text/plain", "", "application/grpc+json"))),
            (":method", rng.choice(("GET", "PUT", ""))),
            (":path", rng.choice(("", "/", "//", "*", "/tally.v1.TallyService/Add/", "/\x00"))),
            ("te", "gzip"),
            ("content-length", "1"),
            ("connection", "close"),
            ("host", "a:b"),
        )
    )
    path, message = _request(rng)
    sends = _opened(path, more) + frame(DATA, END_STREAM, 1, message_frame(message))
    return Attack(sends, _says(path, message), unreadable=True)


def large_metadata(rng: random.Random) -> Attack:
    """Headers of up to 300 kB, in one block of many frames."""
    path, message = _request(rng)
    block = call_headers(path) + b"".join(
        literal(f"x-{number}", "y" * size) for number, size in enumerate(rng.choices((1, 100, 9_000, 60_000), k=5))
    )
    block += rng.choice((b"", rng.randbytes(50), b"\xff" * 30, b"\x3f\xff\xff\xff\xff\xff\xff"))
    parts = [block[at : at + FRAME_MAX] for at in range(0, len(block), FRAME_MAX)]
    frames = [frame(CONTINUATION if number else HEADERS, 0, 1, part) for number, part in enumerate(parts)]
    sends = b"".join(frames) + frame(CONTINUATION, END_HEADERS, 1)
    return Attack(sends + frame(DATA, END_STREAM, 1, message_frame(message)), _says(path, message), unreadable=True)


def headers_by_reference(rng: random.Random) -> Attack:
    """One large header, put into the table once and named again and again: a few kilobytes that say megabytes."""
    put = b"\x40" + literal("x", "y" * 3_000)[1:]
    named = b"\xbe" * rng.choice((10, 1_000, FRAME_MAX - 5_000))
    return Attack(frame(HEADERS, END_HEADERS | END_STREAM, 1, call_headers(ADD) + put + named), unreadable=True)


def resets(rng: random.Random) -> Attack:
    """Calls that are begun and taken back at once, by the thousand."""
    path = rng.choice(PATHS)
    streams = range(1, 2 * FLOOD, 2)
    code = struct.pack(">I", _CANCEL)
    return Attack(b"".join(_opened(path, stream=each) + frame(RST_STREAM, 0, each, code) for each in streams))


def continuations(rng: random.Random) -> Attack:
    """A block of headers that never ends."""
    part = rng.choice((b"", literal("x", "y")))
    sends = frame(HEADERS, END_STREAM, 1, call_headers(ADD)) + frame(CONTINUATION, 0, 1, part) * (10 * FLOOD)
    return Attack(sends, unreadable=True)


def pings_and_settings(rng: random.Random) -> Attack:
    """Floods of what a server must acknowledge, by a client that may not read it."""
    size = struct.pack(">HI", INITIAL_WINDOW, rng.choice((0, 1, 2**31 - 1, 2**32 - 1)))
    one = rng.choice(
        (frame(PING, 0, 0, bytes(8)), frame(SETTINGS, 0, 0, size), frame(SETTINGS, 0, 0), frame(DATA, 0, 0))
    )
    return Attack(one * (10 * FLOOD))


def windows(rng: random.Random) -> Attack:
    """A client that lets the server send nothing, or more than there can be."""
    path, message = _request(rng)
    none = frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW, 0))
    more = frame(WINDOW_UPDATE, 0, rng.choice((0, 1)), struct.pack(">I", rng.choice((0, 1, 2**31 - 1))))
    whole = _opened(path) + frame(DATA, END_STREAM, 1, message_frame(message))
    return Attack(none + whole + more * rng.randint(0, 5), _says(path, message), unreadable=True)


def half_sent(rng: random.Random) -> Attack:
    """A call that stops anywhere."""
    path, message = _request(rng)
    headers = _opened(path)
    whole = headers + frame(DATA, 0, 1, message_frame(message))
    stops_at = rng.randrange(len(whole))
    return Attack(whole[:stops_at], unreadable=stops_at < len(headers))


def noise(rng: random.Random) -> Attack:
    """Bytes of no protocol."""
    return Attack(rng.randbytes(rng.randrange(2_000)), unreadable=True)


ATTACKS: Final[Sequence[Callable[[random.Random], Attack]]] = (
    split_frames,
    padded_frames,
    changed_requests,
    wrong_lengths_of_messages,
    compressed,
    wrong_lengths_of_frames,
    wrong_frames,
    order_of_streams,
    trailers,
    unreadable_metadata,
    large_metadata,
    headers_by_reference,
    resets,
    continuations,
    pings_and_settings,
    windows,
    half_sent,
    noise,
)
