"""The gRPC server as strangers meet it: only its address is known here, so another server must pass the same tests."""

import asyncio
import gc
import random
import socket
import struct
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import replace
from typing import Any

import grpc
import pytest
from google.protobuf import descriptor_pb2
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2  # type: ignore[import-untyped]
from grpc_status import rpc_status  # type: ignore[import-untyped]

from producer.core.ports import Incoming, Methods, Rpc
from producer.shell import grpc_calls, grpc_server
from tally.generated.tally.v1 import tally_pb2
from tests_support.producer.frame_attacks import resets
from tests_support.producer.http2_frames import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    INITIAL_WINDOW,
    RST_STREAM,
    SETTINGS,
    RawCall,
    RawConnection,
    call_headers,
    frame,
    literal,
    message_frame,
)
from tests_support.producer.served_methods import LIMITS, served
from tests_support.waiting import eventually, pause

ADD = "/tally.v1.TallyService/Add"
CHECK, WATCH = "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"
REFLECT = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"
OK = b"grpc-status\x010"
"""As trailers have it: a name, the length of its value, the value."""
CANCEL = 8
WAIT_S = 20.0
PINGS_APART_S = 10.0
"""grpc-go's clients never ping more often, and 10 s is what those of grpcio are usually told."""


class Service:
    """Answers at once, or once it is told to."""

    def __init__(self) -> None:
        self.calls = 0
        self.go = threading.Event()
        self.go.set()
        self._threads = ThreadPoolExecutor(LIMITS.calls_max)

    async def add(self, _incoming: Incoming[tally_pb2.AddRequest]) -> tally_pb2.AddResponse:
        """Wait to be told, and answer."""
        self.calls += 1
        if not self.go.is_set():
            await asyncio.get_running_loop().run_in_executor(self._threads, self.go.wait, 120)
        return tally_pb2.AddResponse(sum="3")

    def rpcs(self) -> Methods:
        """Return the table with a row for Add."""
        return [Rpc("tally.v1.TallyService", "Add", tally_pb2.AddRequest, self.add)]


@pytest.fixture
def service() -> Service:
    return Service()


@pytest.fixture
def port(service: Service) -> Iterator[int]:
    """A server's port."""
    with served(service.rpcs()) as number:
        yield number
        service.go.set()


def call_of_bytes(channel: grpc.Channel) -> Any:
    """Return Add as a call that takes any number of messages of any bytes."""
    return channel.stream_unary(ADD)


def refused(port: int, messages: list[bytes]) -> tuple[grpc.StatusCode, str, str]:
    """Return code, reason and outcome of a call with these messages."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, pytest.raises(grpc.RpcError) as error:
        call_of_bytes(channel)(iter(messages), timeout=WAIT_S)
    info = error_details_pb2.ErrorInfo()
    assert rpc_status.from_call(error.value).details[0].Unpack(info)
    return error.value.code(), info.reason, info.metadata["outcome"]


@pytest.mark.parametrize("data", [b"\xff\xff\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe", b"\x0b"], ids=repr)
def test_bytes_that_are_no_request_are_an_invalid_argument_that_nobody_need_repeat(port: int, data: bytes) -> None:
    """Bytes that are not a request are INVALID_ARGUMENT with UNREADABLE_REQUEST, and known not to be committed."""
    code, reason, outcome = refused(port, [data])
    assert (code, reason, outcome) == (grpc.StatusCode.INVALID_ARGUMENT, "UNREADABLE_REQUEST", "not-committed")


def test_a_call_that_ends_without_a_message_is_refused(port: int) -> None:
    """A call that ends without a message is INVALID_ARGUMENT with UNREADABLE_REQUEST, and known not to be committed."""
    code, reason, outcome = refused(port, [])
    assert (code, reason, outcome) == (grpc.StatusCode.INVALID_ARGUMENT, "UNREADABLE_REQUEST", "not-committed")


def test_a_call_that_never_sends_a_message_is_refused_after_a_while(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that stays open without a message is ended at the server's longest deadline, and told what is missing."""
    monkeypatch.setattr(grpc_calls, "DEADLINE_MAX_S", 0.2)
    with RawCall(port, ADD) as call:
        call.call([], half_close=False)
        assert b"a call needs one message" in call.answer(WAIT_S)


@pytest.mark.parametrize(
    "more",
    [
        ("grpc-timeout", "-1S"),
        ("grpc-timeout", "S"),
        ("grpc-timeout", "1"),
        ("grpc-timeout", "\N{ARABIC-INDIC DIGIT ONE}S"),
        ("grpc-encoding", "no-such-encoding"),
        ("x-numbers-bin", "%%%"),
    ],
    ids=ascii,
)
def test_a_call_whose_metadata_cannot_be_read_begins_nothing(
    port: int, service: Service, more: tuple[str, str]
) -> None:
    """A call with malformed metadata is refused before any method sees it, and later calls are answered."""
    with RawCall(port, ADD) as call:
        call.call([b""], more)
        call.answer(WAIT_S)
        assert call.seen.status(call.STREAM) not in (None, 0, grpc.StatusCode.UNKNOWN.value[0])
        assert service.calls == 0
        call.send(frame(HEADERS, END_HEADERS, 3, call_headers(ADD)), frame(DATA, END_STREAM, 3, message_frame(b"")))
        assert call.wait_ended(3, WAIT_S)
        assert (call.seen.status(3), service.calls) == (0, 1)


def test_a_header_that_is_no_text_writes_nothing_into_the_log(port: int, caplog: pytest.LogCaptureFixture) -> None:
    """A call with a header whose value is no UTF-8 is answered, and leaves no line and no traceback in the log."""
    with RawConnection(port) as connection:
        headers = call_headers(ADD) + literal(b"x", b"\xa6")
        connection.begin(frame(HEADERS, END_HEADERS, 1, headers), frame(DATA, END_STREAM, 1, message_frame(b"")))
        assert connection.wait_ended(1, WAIT_S)
        assert connection.seen.status(1) == 0
    assert caplog.records == []


def test_a_call_whose_path_is_no_text_does_not_end_the_service(port: int, caplog: pytest.LogCaptureFixture) -> None:
    """After any number of calls whose path is no UTF-8, other callers are answered; no traceback is in the log."""
    for _ in range(3):
        with RawConnection(port) as stranger, suppress(OSError):
            headers = call_headers(ADD).replace(ADD.encode(), b"\x8f" * len(ADD))
            stranger.begin(frame(HEADERS, END_HEADERS, 1, headers), frame(DATA, END_STREAM, 1, message_frame(b"")))
            stranger.wait_closed(WAIT_S)
        with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)]) as channel:
            answer = call_of_bytes(channel)(iter([b""]), timeout=WAIT_S, wait_for_ready=True)
        assert tally_pb2.AddResponse.FromString(answer).sum == "3"
    gc.collect()  # asyncio tells of a task's exception when it is let go
    assert caplog.records == []


@pytest.mark.parametrize("message", [b"", b"\xff"], ids=["answered", "refused"])
def test_callers_that_go_before_their_answers_are_sent_write_nothing_into_the_log(
    port: int, caplog: pytest.LogCaptureFixture, message: bytes
) -> None:
    """Calls taken back while the client's window holds their answers up leave no line and no traceback in the log."""
    streams = range(1, 2 * (LIMITS.calls_max - 1), 2)
    calls = [(frame(HEADERS, END_HEADERS, each, call_headers(ADD)), each) for each in streams]
    for _ in range(3):
        with RawConnection(port) as gone, RawCall(port, ADD) as before, RawCall(port, ADD) as after:
            gone.begin(
                frame(SETTINGS, 0, 0, struct.pack(">HI", INITIAL_WINDOW, 0)),
                *(head + frame(DATA, END_STREAM, each, message_frame(message)) for head, each in calls),
            )
            before.call([b""])
            before.answer(WAIT_S)
            gone.send(*(frame(RST_STREAM, 0, each, struct.pack(">I", CANCEL)) for each in streams))
            after.call([b""])
            after.answer(WAIT_S)
    assert caplog.records == []


@pytest.mark.parametrize("path", [CHECK, WATCH, REFLECT], ids=lambda path: path.rsplit("/")[-1])
def test_health_and_reflection_refuse_bytes_that_are_no_request(port: int, path: str) -> None:
    """Bytes that are no request of health or reflection are INVALID_ARGUMENT, and not a defect that is repeated."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        call: Any = channel.stream_unary(path)
        with pytest.raises(grpc.RpcError) as error:
            call(iter([b"\xff"]), timeout=WAIT_S)
    assert error.value.code() is grpc.StatusCode.INVALID_ARGUMENT


def test_health_and_reflection_answer_as_their_contracts_say(port: int) -> None:
    """Health tells what it knows, NOT_FOUND for what it does not, and a watcher sees the state at once."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        health = health_pb2_grpc.HealthStub(channel)
        request = health_pb2.HealthCheckRequest(service="tally.v1.TallyService")
        assert health.Check(request, timeout=WAIT_S).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watched = health.Watch(request, timeout=WAIT_S)
        assert next(watched).status == health_pb2.HealthCheckResponse.NOT_SERVING
        watched.cancel()
        with pytest.raises(grpc.RpcError) as unknown:
            health.Check(health_pb2.HealthCheckRequest(service="x"), timeout=WAIT_S)
        assert unknown.value.code() is grpc.StatusCode.NOT_FOUND


def test_one_call_more_than_the_limit_is_refused_and_may_come_again(port: int, service: Service) -> None:
    """While as many calls are in progress as may be, another one is QUEUE_FULL; once they are answered it is served."""
    service.go.clear()
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel, ThreadPoolExecutor(LIMITS.calls_max) as pool:
        inside = [pool.submit(call_of_bytes(channel), iter([b""]), timeout=60) for _ in range(LIMITS.calls_max)]
        eventually(lambda: service.calls == LIMITS.calls_max, WAIT_S, "all calls are in progress")
        assert refused(port, [b""])[:2] == (grpc.StatusCode.RESOURCE_EXHAUSTED, "QUEUE_FULL")
        service.go.set()
        assert all(tally_pb2.AddResponse.FromString(each.result(60)).sum == "3" for each in inside)
        assert tally_pb2.AddResponse.FromString(call_of_bytes(channel)(iter([b""]), timeout=WAIT_S)).sum == "3"


def test_calls_that_are_begun_and_taken_back_by_the_thousand_end_no_calls_of_others(port: int) -> None:
    """While clients begin calls and cancel them at once, every call of another client is answered."""

    def flood(number: int) -> None:
        with RawConnection(port) as stranger, suppress(OSError):
            stranger.begin(resets(random.Random(number)).sends)
            stranger.end()
            stranger.wait_closed(WAIT_S)

    def healthy(_: int) -> int | None:
        with RawCall(port, ADD) as call:
            call.call([b""])
            call.answer(WAIT_S)
            return call.seen.status(call.STREAM)

    with ThreadPoolExecutor(8) as pool:
        turns = [pool.submit(healthy if number % 2 else flood, number) for number in range(80)]
        assert {each.result(60) for each in turns[1::2]} == {0}


def test_connections_beyond_the_limit_are_closed_and_those_that_say_nothing_soon(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A connection too many is closed at once, silent ones after a while, and then others are served again."""
    monkeypatch.setattr(grpc_server, "_HANDSHAKE_MS", 1_000)
    with served(service.rpcs(), replace(LIMITS, connections_max=10)) as port, ExitStack() as opened:
        for _ in range(10):
            opened.enter_context(socket.create_connection(("127.0.0.1", port)))
        late = opened.enter_context(socket.create_connection(("127.0.0.1", port)))
        late.settimeout(WAIT_S)
        with suppress(ConnectionResetError):
            assert late.recv(1) == b""
        with grpc.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)]) as channel:
            answer = call_of_bytes(channel)(iter([b""]), timeout=WAIT_S, wait_for_ready=True)
    assert tally_pb2.AddResponse.FromString(answer).sum == "3"


def test_a_connection_without_calls_is_closed_after_a_while(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that makes no calls is said goodbye to and closed, even if its client answers pings."""
    monkeypatch.setattr(grpc_server, "_IDLE_MS", 300)
    with served(service.rpcs()) as port, RawConnection(port) as idle:
        idle.begin()
        assert idle.wait_closed(WAIT_S)
        assert idle.seen.goaway


def test_a_call_of_two_messages_is_answered_by_the_first(port: int) -> None:
    """A call with two messages gets the answer to its first, even where the second cannot be read."""
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        answer = call_of_bytes(channel)(iter([b"", b"\xff"]), timeout=WAIT_S)
    assert tally_pb2.AddResponse.FromString(answer).sum == "3"


def test_a_message_whose_end_is_not_told_is_answered(port: int) -> None:
    """A call with one message is answered before the client half-closes its stream."""
    with RawCall(port, ADD) as call:
        call.call([b""], half_close=False)
        assert OK in call.answer(WAIT_S)


def test_reflection_serves_the_details_of_errors_so_that_tools_show_reasons(port: int) -> None:
    """Reflection gives the types of error details by symbol and by file, so that tools can show a refusal's reason."""
    asked = [
        reflection_pb2.ServerReflectionRequest(file_containing_symbol="google.rpc.ErrorInfo"),
        reflection_pb2.ServerReflectionRequest(file_by_filename="google/rpc/error_details.proto"),
    ]
    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        ask: Any = channel.stream_stream(
            "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )
        answers = list(ask(iter(asked), timeout=WAIT_S))
    for answer in answers:
        files = [
            descriptor_pb2.FileDescriptorProto.FromString(each)
            for each in answer.file_descriptor_response.file_descriptor_proto
        ]
        assert {"ErrorInfo", "BadRequest", "RetryInfo"} <= {kind.name for kind in files[0].message_type}


@pytest.mark.slow
def test_a_slow_call_outlives_the_pings_of_grpcio_and_of_grpc_go(port: int, service: Service) -> None:
    """Clients that ping every 10 s, with a call open or not, are not sent away by the server."""
    service.go.clear()
    options = [
        ("grpc.keepalive_time_ms", int(PINGS_APART_S * 1000)),
        ("grpc.keepalive_timeout_ms", 5_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    with (
        grpc.insecure_channel(f"127.0.0.1:{port}", options=options) as channel,
        RawCall(port, ADD) as raw,
        ThreadPoolExecutor(1) as pool,
    ):
        answer = pool.submit(call_of_bytes(channel), iter([b""]), timeout=60)
        raw.call([b""])
        for _ in range(4):
            pause(PINGS_APART_S)  # what a client of grpc-go waits between two
            raw.ping()
        service.go.set()
        assert tally_pb2.AddResponse.FromString(answer.result(WAIT_S)).sum == "3"
        assert OK in raw.answer(WAIT_S)
        assert (raw.seen.goaway, raw.seen.pongs) == (b"", 4)
