"""A Tally service in this process that answers as a script says: what the client is tested against."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from typing import TypeAlias

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_health.v1 import health_pb2_grpc  # type: ignore[import-untyped]

from producer.shell.health import ClusterHealth
from tally.client.columns import Columns
from tally.client.outcomes import Addition
from tally.client.transport import request_of
from tally.event import decimals
from tally.generated.tally.v1 import tally_pb2, tally_pb2_grpc

AddContext: TypeAlias = "grpc.aio.ServicerContext[tally_pb2.AddRequest, Awaitable[tally_pb2.AddResponse]]"
BatchContext: TypeAlias = "grpc.aio.ServicerContext[tally_pb2.AddBatchRequest, Awaitable[tally_pb2.AddBatchResponse]]"
ColumnsContext: TypeAlias = (
    "grpc.aio.ServicerContext[tally_pb2.AddColumnsRequest, Awaitable[tally_pb2.AddColumnsResponse]]"
)

TOPIC = "tally.sums.v1"
_CODES = {code.value[0]: code for code in grpc.StatusCode}
Script = Callable[[int, tally_pb2.AddRequest], status_pb2.Status | None]
"""(how often this request id was seen before, request) -> the refusal, None to commit."""


def refusal(name: str, message: str = "scripted", *details: Message) -> status_pb2.Status:
    """Return a google.rpc.Status by the code's name."""
    packed = []
    for detail in details:
        box = any_pb2.Any()
        box.Pack(detail)
        packed.append(box)
    return status_pb2.Status(code=code_pb2.Code.Value(name), message=message, details=packed)


def retry_info(seconds: float) -> error_details_pb2.RetryInfo:
    """Return the detail that tells when to come back."""
    delay = duration_pb2.Duration(seconds=int(seconds), nanos=int(seconds % 1 * 1e9))
    return error_details_pb2.RetryInfo(retry_delay=delay)


def outcome_info(outcome: str) -> error_details_pb2.ErrorInfo:
    """Return the detail that tells whether an attempt committed."""
    return error_details_pb2.ErrorInfo(reason="SCRIPTED", domain="tally", metadata={"outcome": outcome})


class FakeTally(tally_pb2_grpc.TallyServiceServicer):
    """Commits like the real one (once an id, first operands win) except where the script refuses.

    ``lose_answer`` commits and then refuses, as a service that dies between commit and answer.
    """

    def __init__(self) -> None:
        self.script: Script = lambda seen, request: None
        self.lose_answer: Script = lambda seen, request: None
        self.calls: list[list[str]] = []
        self.seen: Counter[str] = Counter()
        self.committed: dict[str, tuple[str, str]] = {}
        self.on_call: Callable[[], object] = lambda: None

    async def Add(  # noqa: N802  # the service's name of the method
        self, request: tally_pb2.AddRequest, context: AddContext
    ) -> tally_pb2.AddResponse:
        """Answer one addition."""
        self._note([request])
        answer = self._answer(request)
        if isinstance(answer, status_pb2.Status):
            details = (("grpc-status-details-bin", answer.SerializeToString()),)
            await context.abort(_CODES[answer.code], answer.message, trailing_metadata=details)
        return answer

    async def AddBatch(  # noqa: N802
        self, request: tally_pb2.AddBatchRequest, context: BatchContext
    ) -> tally_pb2.AddBatchResponse:
        """Answer each addition of a batch."""
        self._note(request.additions)
        results = []
        for addition in request.additions:
            answer = self._answer(addition)
            if isinstance(answer, status_pb2.Status):
                results.append(tally_pb2.AddResult(status=answer))
            else:
                results.append(tally_pb2.AddResult(response=answer))
        return tally_pb2.AddBatchResponse(results=results)

    async def AddColumns(  # noqa: N802
        self, request: tally_pb2.AddColumnsRequest, context: ColumnsContext
    ) -> tally_pb2.AddColumnsResponse:
        """Answer each row of columns as the addition that it is."""
        additions = [request_of(addition) for addition in _additions_of(request)]
        self._note(additions)
        response = tally_pb2.AddColumnsResponse(topic=TOPIC)
        sums = []
        for row, addition in enumerate(additions):
            answer = self._answer(addition)
            if isinstance(answer, status_pb2.Status):
                response.refused.add(status=answer, rows=[row])
                answer = tally_pb2.AddResponse(sum="0", position=tally_pb2.Position(offset=-1))
            elif answer.duplicate:
                response.duplicates.append(row)
            sums.append(decimals.parse(answer.sum).to_bytes(16, "big", signed=True))
            response.partitions.append(answer.position.partition)
            response.offsets.append(answer.position.offset)
        response.sums = b"".join(sums)
        return response

    def _note(self, additions: Iterable[tally_pb2.AddRequest]) -> None:
        self.calls.append([addition.request_id for addition in additions])
        self.on_call()

    def _answer(self, request: tally_pb2.AddRequest) -> tally_pb2.AddResponse | status_pb2.Status:
        seen = self.seen[request.request_id]
        self.seen[request.request_id] += 1
        refused = self.script(seen, request)
        if refused is not None:
            return refused
        duplicate = request.request_id in self.committed
        if not duplicate:
            self.committed[request.request_id] = (request.a, request.b)
        elif self.committed[request.request_id] != (request.a, request.b):
            return refusal("ALREADY_EXISTS", "the id has other operands")
        lost = self.lose_answer(seen, request)
        if lost is not None:
            return lost
        total = decimals.parse(request.a) + decimals.parse(request.b)
        offset = list(self.committed).index(request.request_id) if len(self.committed) < 100 else len(self.committed)
        place = tally_pb2.Position(topic=TOPIC, partition=len(request.request_id) % 3, offset=offset)
        return tally_pb2.AddResponse(
            request_id=request.request_id, sum=decimals.text_of(total), duplicate=duplicate, position=place
        )


def _additions_of(request: tally_pb2.AddColumnsRequest) -> list[Addition]:
    columns = Columns.of(request.request_ids, request.a, request.b)
    return [columns.addition(row) for row in range(len(columns))]


@asynccontextmanager
async def serving(servicer: FakeTally, port: int = 0, *, cluster_id: str | None = None) -> AsyncIterator[str]:
    """Serve on loopback and give the target; with a cluster's id, also the health that tells it."""
    server = grpc.aio.server()
    tally_pb2_grpc.add_TallyServiceServicer_to_server(servicer, server)
    if cluster_id is not None:
        health = ClusterHealth()
        health.cluster_id = cluster_id
        health_pb2_grpc.add_HealthServicer_to_server(health, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        await server.stop(grace=0)
