"""The service's stub for blocking calls, with its types; the generated ones are those of asyncio only."""

from typing import Any, Protocol, TypeAlias, cast

import grpc

from tally.generated.tally.v1 import tally_pb2, tally_pb2_grpc

_Add: TypeAlias = "grpc.UnaryUnaryMultiCallable[tally_pb2.AddRequest, tally_pb2.AddResponse]"
_AddBatch: TypeAlias = "grpc.UnaryUnaryMultiCallable[tally_pb2.AddBatchRequest, tally_pb2.AddBatchResponse]"

_AddColumns: TypeAlias = "grpc.UnaryUnaryMultiCallable[tally_pb2.AddColumnsRequest, tally_pb2.AddColumnsResponse]"


class BlockingStub(Protocol):
    """What the generated stub is on a channel of blocking calls."""

    Add: _Add
    AddBatch: _AddBatch
    AddColumns: _AddColumns


def blocking_stub(channel: grpc.Channel) -> BlockingStub:
    """Return the service as a caller on this channel sees it. Calls raise grpc.RpcError."""
    stub_class: Any = tally_pb2_grpc.TallyServiceStub
    return cast("BlockingStub", stub_class(channel))
