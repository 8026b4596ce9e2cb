"""Strangers at the door of gRPC. Each attack is bounded, ends by itself, and returns how many attempts it made."""

import random
from contextlib import suppress
from typing import Any, Final

import grpc

from tally.client.transport import request_of
from tally.generated.tally.v1 import tally_pb2
from tests_support.hostile.addresses import HOST, Addresses, connected, send
from tests_support.producer.callers import OPTIONS, new_pair
from tests_support.producer.http2_frames import begun_message
from tests_support.waiting import pause

METHODS: Final = ("Add", "AddBatch", "AddColumns", "Nothing")
CALL_S: Final = 10.0
PROMISED_BYTES: Final = 4 << 20
WINDOW_BYTES: Final = 65_535  # what HTTP/2 lets a client send before the server says more


def half_sent_messages(at: Addresses, rng: random.Random) -> int:
    """Messages of 4 MiB that stop on the way, each on a connection of its own."""
    count = rng.randrange(20, 80)
    with connected(at.grpc, count) as taken:
        for one in taken:
            sent = rng.randrange(1, WINDOW_BYTES - 100)
            send(one, begun_message("/tally.v1.TallyService/AddBatch", PROMISED_BYTES, sent))
        pause(rng.uniform(1.0, 4.0))
    return count


def batches_of_nothing(at: Addresses, rng: random.Random) -> int:
    """Batches of empty additions: at the limit of a batch, and as many as a message can hold."""
    numbers = [rng.choice((10_000, 10_000, 1_000_000)) for _ in range(rng.randrange(2, 6))]
    empty = b"\x0a\x00"  # field 1 of AddBatchRequest, without content
    return _called(at, [("AddBatch", empty * number) for number in numbers])


def undecodable_bytes(at: Addresses, rng: random.Random) -> int:
    """Bytes that are no message, for each method and for one that there is not."""
    return _called(at, [(rng.choice(METHODS), rng.randbytes(rng.randrange(1, 4_000))) for _ in range(20)])


def cancelled_calls(at: Addresses, rng: random.Random) -> int:
    """A burst of good additions of which half are cancelled at once; the others get too little time."""
    count = rng.randrange(50, 250)
    with _channel(at) as channel:
        add = channel.unary_unary(
            "/tally.v1.TallyService/Add", tally_pb2.AddRequest.SerializeToString, tally_pb2.AddResponse.FromString
        )
        calls = [add.future(request_of(new_pair(rng)), timeout=rng.uniform(0.001, 0.2)) for _ in range(count)]
        for call in calls[::2]:
            call.cancel()
        for call in calls[1::2]:
            with suppress(grpc.FutureCancelledError):
                call.exception()
    return count


def silent_channels(at: Addresses, rng: random.Random) -> int:
    """Connections to gRPC on which nothing is ever said."""
    count = rng.randrange(100, 300)
    with connected(at.grpc, count):
        pause(rng.uniform(2.0, 5.0))
    return count


def junk_frames(at: Addresses, rng: random.Random) -> int:
    """What is no HTTP/2 at all, and what begins as if it were."""
    count = rng.randrange(10, 40)
    with connected(at.grpc, count) as taken:
        for one in taken:
            preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" if rng.random() < 0.5 else b""
            send(one, preface + rng.randbytes(rng.randrange(1, 20_000)))
        pause(0.5)
    return count


def _called(at: Addresses, calls: list[tuple[str, bytes]]) -> int:
    """Make calls at the same time; whatever they are answered is right."""
    with _channel(at) as channel:
        futures: list[Any] = []
        for method, body in calls:
            call: Any = channel.unary_unary(f"/tally.v1.TallyService/{method}")  # bytes in, bytes out
            futures.append(call.future(body, timeout=CALL_S))
        for future in futures:
            future.exception()
    return len(calls)


def _channel(at: Addresses) -> grpc.Channel:
    return grpc.insecure_channel(f"{HOST}:{at.grpc}", options=OPTIONS)
