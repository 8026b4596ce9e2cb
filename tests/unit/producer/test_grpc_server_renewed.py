"""The gRPC server after a call that ended gRPC's own: calls in flight, a port that is taken meanwhile, a stop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import grpc
import pytest

from producer.core.ports import Incoming, Rpc
from producer.shell import grpc_server
from producer.shell.grpc_server import GrpcServer, PortTakenError
from stack import Ports
from tally.generated.tally.v1 import tally_pb2
from tests_support.producer.http2_frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    RawConnection,
    call_headers,
    frame,
    message_frame,
)
from tests_support.producer.served_methods import LIMITS

ADD = "/tally.v1.TallyService/Add"
WAIT_S = 60.0
ALONE = [("grpc.use_local_subchannel_pool", 1)]


class Served:
    """A server whose calls are answered once they may be."""

    def __init__(self) -> None:
        self.port = Ports.free().grpc
        self.inside = asyncio.Event()
        self.may_end = asyncio.Event()
        self.server = GrpcServer([Rpc("tally.v1.TallyService", "Add", tally_pb2.AddRequest, self._add)], LIMITS)

    async def _add(self, _incoming: Incoming[tally_pb2.AddRequest]) -> tally_pb2.AddResponse:
        self.inside.set()
        await self.may_end.wait()
        return tally_pb2.AddResponse(sum="3")

    async def call(self) -> str:
        """Make a call on a connection of its own, and return the sum."""
        async with grpc.aio.insecure_channel(f"127.0.0.1:{self.port}", ALONE) as channel:
            method: Any = channel.unary_unary(ADD, response_deserializer=tally_pb2.AddResponse.FromString)
            return str((await method(b"", timeout=WAIT_S, wait_for_ready=True)).sum)

    def end_grpcs_own(self) -> None:
        """Make a call that gRPC cannot take, and wait until its server is gone."""
        with RawConnection(self.port) as stranger, suppress(OSError):
            headers = call_headers(ADD).replace(ADD.encode(), b"\x8f" * len(ADD))
            stranger.begin(frame(HEADERS, END_HEADERS, 1, headers), frame(DATA, END_STREAM, 1, message_frame(b"")))
            stranger.wait_closed(WAIT_S)


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    made = Served()
    await made.server.start("127.0.0.1", made.port)
    yield made
    made.may_end.set()
    await made.server.stop(0)


async def test_a_call_in_flight_is_answered_by_the_server_that_was_ended(served: Served) -> None:
    """Calls that a stranger's call found in flight are answered, and so is who comes later."""
    before = asyncio.create_task(served.call())
    await asyncio.wait_for(served.inside.wait(), WAIT_S)
    await asyncio.to_thread(served.end_grpcs_own)
    served.inside.clear()
    later = asyncio.create_task(served.call())
    await asyncio.wait_for(served.inside.wait(), WAIT_S)
    served.may_end.set()
    assert [await before, await later] == ["3", "3"]


@pytest.mark.parametrize("error", [PortTakenError("taken"), OSError(24, "Too many open files")], ids=["port", "files"])
async def test_what_keeps_the_new_server_from_listening_is_tried_until_it_passes(
    served: Served, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Whoever took the port meanwhile, and whatever else goes wrong, callers are served once that is over."""
    served.may_end.set()
    errors = [error, error]

    def require_free(_host: str, _port: int) -> None:
        if errors:
            raise errors.pop()

    monkeypatch.setattr(grpc_server, "require_free", require_free)
    monkeypatch.setattr(grpc_server, "_AGAIN_S", 0.01)
    await asyncio.to_thread(served.end_grpcs_own)
    assert await served.call() == "3"
    assert errors == []


async def test_a_stop_before_a_new_server_listens_waits_for_calls_of_the_one_that_was_ended(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stop while the port is taken returns when the calls in flight are answered, and nobody listens after it."""
    tried = asyncio.Event()

    def require_free(_host: str, _port: int) -> None:
        tried.set()
        raise PortTakenError("taken")

    before = asyncio.create_task(served.call())
    await asyncio.wait_for(served.inside.wait(), WAIT_S)
    monkeypatch.setattr(grpc_server, "require_free", require_free)
    monkeypatch.setattr(grpc_server, "_ENDING_S", WAIT_S)
    await asyncio.to_thread(served.end_grpcs_own)
    await asyncio.wait_for(tried.wait(), WAIT_S)
    stopped = asyncio.create_task(served.server.stop(WAIT_S))
    await asyncio.sleep(0)
    served.may_end.set()
    assert await before == "3"
    await stopped
    monkeypatch.undo()
    grpc_server.require_free("127.0.0.1", served.port)
