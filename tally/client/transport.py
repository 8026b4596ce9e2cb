"""One attempt over gRPC: a batch as AddBatch, a single addition as Add, every kind of failure as a value.

What was never sent was never committed, so a failure tells whether a connection came about. gRPC has no status of its
own for that: it is UNAVAILABLE with a text, which a proxy may also pass on from behind it. The text counts only if
nothing came with it and the channel has no connection at that moment; whatever else gRPC says leaves a doubt.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final, TypeAlias, TypeVar

import grpc
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2

from tally.base.loopback import is_loopback
from tally.client.columns import VALUE_BYTES, Columns, ColumnsReply
from tally.client.outcomes import Addition, Committed, FieldViolation, Position
from tally.client.retry import Failure
from tally.client.sending import Reply
from tally.client.tracing import attempt
from tally.client.usage import check_process, keep_watch
from tally.generated.tally.v1 import tally_pb2, tally_pb2_grpc

_DETAILS_KEY: Final = "grpc-status-details-bin"
_CHANNEL_OPTIONS: Final = (
    ("grpc.enable_retries", 0),  # the retry loop here is the only one: it knows the deadline and tells about it
    # gRPC's own pauses before it connects again grow to two minutes; a service that is back must be found at once.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


_UNSENT: Final = ("failed to connect to all addresses", "errors resolving ", "DNS resolution failed")
"""How the texts begin by which gRPC tells that it has no connection to send a call over."""
_SLOW: Final = "timed out"
_UNCONNECTED: Final = (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.CONNECTING)
_GRPC_LATE_S: Final = 5.0
"""gRPC ends a call by its deadline. A call that is not ended so long after it never will be."""
_HEALTH_CHECK: Final = "/grpc.health.v1.Health/Check"
"""Any answer to it shows that somebody is there, also that it is not known."""
_LOOK_S: Final = 0.1
_PORT_MAX: Final = 65_535


T = TypeVar("T")
_NO_OFFSET: Final = -1
_Call: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"


class GrpcTransport:
    """Sends to one service over one channel, which belongs to the event loop of the first call."""

    def __init__(self, target: str) -> None:
        """Raises TypeError and ValueError for what cannot be a target."""
        self._target = _checked(target)
        self._channel: grpc.aio.Channel | None = None
        self._stub: tally_pb2_grpc.TallyServiceStub | None = None
        self.contacted = False
        """See Transport."""

    async def ready(self, timeout_s: float, first_contact_s: float) -> bool:
        """Tell whether the service answers within ``timeout_s``; where nobody was ever found, within the shorter of
        the two."""
        try:
            async with asyncio.timeout(timeout_s + _GRPC_LATE_S):
                return await self._answers(timeout_s, first_contact_s)
        except TimeoutError:
            return False

    async def _answers(self, timeout_s: float, first_contact_s: float) -> bool:
        channel = self._opened()[0]
        check: _Call = channel.unary_unary(_HEALTH_CHECK)
        ends_s = time.monotonic() + timeout_s
        gives_up_s = time.monotonic() + first_contact_s
        while (left_s := ends_s - time.monotonic()) > 0:
            failure = await self._failure_of(channel, check(b"", timeout=left_s))
            if failure is None or not (failure.unsent or failure.status == "DEADLINE_EXCEEDED"):
                return True
            if not self.contacted and time.monotonic() + _LOOK_S >= gives_up_s:
                return False
            await asyncio.sleep(_LOOK_S)
        return False

    async def close(self) -> None:
        """Close the channel and let it go; calls under way are cancelled."""
        if self._channel is not None:
            channel, self._channel, self._stub = self._channel, None, None
            with suppress(TimeoutError):
                async with asyncio.timeout(_GRPC_LATE_S):
                    await channel.close()

    async def send(self, additions: Sequence[Addition], timeout_s: float) -> Sequence[Reply]:
        """Return the reply to each addition, in their order."""
        replies = await self._answer(lambda stub: _call(stub, additions, timeout_s), timeout_s)
        return [replies] * len(additions) if isinstance(replies, Failure) else replies

    async def send_columns(self, columns: Columns, timeout_s: float) -> ColumnsReply | Failure:
        """Return the reply to all rows, or why the call failed."""
        return await self._answer(lambda stub: _call_columns(stub, columns, timeout_s), timeout_s)

    async def _answer(
        self, call: Callable[[tally_pb2_grpc.TallyServiceStub], Awaitable[T]], timeout_s: float
    ) -> T | Failure:
        channel, stub = self._opened()
        try:
            async with asyncio.timeout(timeout_s + _GRPC_LATE_S):
                answer = await call(stub)
        except grpc.aio.AioRpcError as error:
            return self._failure(channel, error)
        except TimeoutError:
            return Failure("DEADLINE_EXCEEDED", "gRPC did not end the call in time")
        self.contacted = True
        return answer

    async def _failure_of(self, channel: grpc.aio.Channel, call: Awaitable[object]) -> Failure | None:
        try:
            await call
        except grpc.aio.AioRpcError as error:
            return self._failure(channel, error)
        self.contacted = True
        return None

    def _failure(self, channel: grpc.aio.Channel, error: grpc.aio.AioRpcError) -> Failure:
        unsent = _is_unsent(error, channel.get_state())
        # One that takes too long to connect may be busy, or starting; only a refusal tells that nobody is there.
        self.contacted = self.contacted or not unsent or _SLOW in (error.details() or "")
        return failure_of_call(error, unsent=unsent)

    def _opened(self) -> tuple[grpc.aio.Channel, tally_pb2_grpc.TallyServiceStub]:
        if self._channel is None or self._stub is None:
            check_process()
            self._channel = grpc.aio.insecure_channel(self._target, options=_options(self._target))
            keep_watch(self._channel)
            self._stub = tally_pb2_grpc.TallyServiceStub(self._channel)
        return self._channel, self._stub


async def _call(stub: tally_pb2_grpc.TallyServiceStub, additions: Sequence[Addition], timeout_s: float) -> list[Reply]:
    if len(additions) == 1:
        with attempt("Add") as metadata:
            response = await stub.Add(request_of(additions[0]), timeout=timeout_s, metadata=metadata)
        return [_committed(additions[0], response)]
    batch = batch_request_of(additions)
    with attempt("AddBatch") as metadata:
        results = (await stub.AddBatch(batch, timeout=timeout_s, metadata=metadata)).results
    if len(results) != len(additions):
        return [_broken(f"{len(results)} results for {len(additions)} additions")] * len(additions)
    return [_reply(addition, result) for addition, result in zip(additions, results, strict=True)]


async def _call_columns(
    stub: tally_pb2_grpc.TallyServiceStub, columns: Columns, timeout_s: float
) -> ColumnsReply | Failure:
    request = tally_pb2.AddColumnsRequest(request_ids=columns.request_ids, a=columns.a, b=columns.b)
    with attempt("AddColumns") as metadata:
        return columns_reply_of(len(columns), await stub.AddColumns(request, timeout=timeout_s, metadata=metadata))


def columns_reply_of(rows: int, answer: tally_pb2.AddColumnsResponse) -> ColumnsReply | Failure:
    """Return what an answer says of each of so many rows, or INTERNAL if it does not say it of every row."""
    sizes = (len(answer.sums), len(answer.partitions), len(answer.offsets))
    if sizes != (VALUE_BYTES * rows, rows, rows):
        return _broken(f"{sizes[0]} bytes of sums, {sizes[1]} partitions and {sizes[2]} offsets for {rows} rows")
    failures: dict[int, Failure] = {}
    for each in answer.refused:
        failures.update(dict.fromkeys(each.rows, failure_of_status(each.status)))
    offsets = list(answer.offsets)
    unplaced = offsets.count(_NO_OFFSET)
    if unplaced != len(failures) or any(not 0 <= row < rows or offsets[row] != _NO_OFFSET for row in failures):
        return _broken(f"{unplaced} rows without an offset, {len(failures)} that are refused")
    if any(not 0 <= row < rows for row in answer.duplicates):
        return _broken(f"a duplicate that is none of the {rows} rows")
    return ColumnsReply(answer.sums, answer.topic, list(answer.partitions), offsets, list(answer.duplicates), failures)


def _checked(target: str) -> str:
    if not isinstance(target, str):
        raise TypeError(f"target is {target!r}, a {type(target).__name__}; give HOST:PORT as a text")
    port = re.search(r":([0-9]+)$", target)
    # gRPC takes a port modulo 65,536, and would send to somebody else's.
    if not target or (port is not None and not 1 <= int(port[1]) <= _PORT_MAX):
        raise ValueError(f"target is {target!r}; give HOST:PORT, with a port from 1 to {_PORT_MAX}")
    return target


def _is_unsent(error: grpc.aio.AioRpcError, state: grpc.ChannelConnectivity) -> bool:
    return (
        error.code() is grpc.StatusCode.UNAVAILABLE
        and (error.details() or "").startswith(_UNSENT)
        and not error.trailing_metadata()
        and state in _UNCONNECTED
    )


def _options(target: str) -> list[tuple[str, int]]:
    return [*_CHANNEL_OPTIONS, ("grpc.enable_http_proxy", 0 if is_loopback(target) else 1)]


def failure_of_call(error: grpc.aio.AioRpcError, *, unsent: bool = False) -> Failure:
    """Return why a call failed, with what google.rpc details say."""
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            try:
                status = status_pb2.Status.FromString(value)
            except DecodeError:
                break
            return _failure(error.code().name, status)
    return Failure(error.code().name, error.details() or "no reason given", not_committed=unsent, unsent=unsent)


def failure_of_status(status: status_pb2.Status) -> Failure:
    """Return why one addition of a batch failed."""
    try:
        name = code_pb2.Code.Name(status.code)
    except ValueError:
        name = "UNKNOWN"
    return _failure(name, status)


def _failure(name: str, status: status_pb2.Status) -> Failure:
    violations: list[FieldViolation] = []
    retry_after_s, not_committed = 0.0, False
    bad_request, retry_info, error_info = (
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
        error_details_pb2.ErrorInfo(),
    )
    for detail in status.details:
        if detail.Unpack(bad_request):
            violations += [FieldViolation(v.field, v.description) for v in bad_request.field_violations]
        elif detail.Unpack(retry_info):
            retry_after_s = max(retry_info.retry_delay.ToTimedelta().total_seconds(), 0.0)
        elif detail.Unpack(error_info):
            not_committed = error_info.metadata.get("outcome") == "not-committed"
    reason = status.message or "no reason given"
    return Failure(name, reason, tuple(violations), retry_after_s, not_committed)


def request_of(addition: Addition) -> tally_pb2.AddRequest:
    """Return the request of Add."""
    return tally_pb2.AddRequest(request_id=addition.request_id, a=addition.a, b=addition.b)


def batch_request_of(additions: Sequence[Addition]) -> tally_pb2.AddBatchRequest:
    """Return the request of AddBatch."""
    return tally_pb2.AddBatchRequest(additions=[request_of(addition) for addition in additions])


def _reply(addition: Addition, result: tally_pb2.AddResult) -> Reply:
    if result.status.code != code_pb2.OK:
        return failure_of_status(result.status)
    return _committed(addition, result.response)


def _committed(addition: Addition, response: tally_pb2.AddResponse) -> Reply:
    # The answer has the id in canonical form, the caller may have written it otherwise.
    if response.request_id != addition.request_id and response.request_id != addition.request_id.lower():
        return _broken(f"asked for {addition.request_id}, answered for {response.request_id or 'no id'}")
    place = response.position
    position = Position(place.topic, place.partition, place.offset)
    return Committed(addition.request_id, response.sum, response.duplicate, position)


def _broken(what: str) -> Failure:
    return Failure("INTERNAL", f"the service's answer does not match the request: {what}")
