"""One attempt over gRPC: a batch as AddBatch, a single addition as Add, every kind of failure as a value."""

from collections.abc import Sequence
from typing import Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2

from tally.base.loopback import is_loopback
from tally.client.outcomes import Addition, Committed, FieldViolation, Position
from tally.client.retry import Failure
from tally.client.sending import Reply
from tally.client.tracing import attempt
from tally.generated.tally.v1 import tally_pb2, tally_pb2_grpc

_DETAILS_KEY: Final = "grpc-status-details-bin"
_CHANNEL_OPTIONS: Final = (
    ("grpc.enable_retries", 0),  # the retry loop here is the only one: it knows the deadline and tells about it
    # gRPC's own pauses before it connects again grow to two minutes; a service that is back must be found at once.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1000),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class GrpcTransport:
    """Sends to one service over one channel. Belongs to the event loop it is made in."""

    def __init__(self, target: str) -> None:
        self._channel = grpc.aio.insecure_channel(target, options=_options(target))
        self._stub = tally_pb2_grpc.TallyServiceStub(self._channel)

    async def ready(self) -> None:
        """Return when the service can be reached; the caller sets the time limit."""
        await self._channel.channel_ready()

    async def close(self) -> None:
        """Close the channel; calls under way are cancelled."""
        await self._channel.close()

    async def send(self, additions: Sequence[Addition], timeout_s: float) -> Sequence[Reply]:
        """Return the reply to each addition, in their order."""
        try:
            if len(additions) == 1:
                with attempt("Add") as metadata:
                    response = await self._stub.Add(request_of(additions[0]), timeout=timeout_s, metadata=metadata)
                return [_committed(additions[0], response)]
            batch = batch_request_of(additions)
            with attempt("AddBatch") as metadata:
                results = (await self._stub.AddBatch(batch, timeout=timeout_s, metadata=metadata)).results
        except grpc.aio.AioRpcError as error:
            return [failure_of_call(error)] * len(additions)
        if len(results) != len(additions):
            return [_broken(f"{len(results)} results for {len(additions)} additions")] * len(additions)
        return [_reply(addition, result) for addition, result in zip(additions, results, strict=True)]


def _options(target: str) -> list[tuple[str, int]]:
    return [*_CHANNEL_OPTIONS, ("grpc.enable_http_proxy", 0 if is_loopback(target) else 1)]


def failure_of_call(error: grpc.aio.AioRpcError) -> Failure:
    """Return why a call failed, with what google.rpc details say."""
    for key, value in error.trailing_metadata() or ():
        if key == _DETAILS_KEY and isinstance(value, bytes):
            try:
                status = status_pb2.Status.FromString(value)
            except DecodeError:
                break
            return _failure(error.code().name, status)
    return Failure(error.code().name, error.details() or "no reason given")


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
