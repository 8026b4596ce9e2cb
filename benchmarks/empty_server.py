"""The limit of a unary call: a grpc.aio server whose handler parses and answers the same messages, and nothing else.

Run as a process of its own: ``python -m benchmarks.empty_server PORT``.
"""

import sys

import grpc
import uvloop

from tally.generated.tally.v1 import tally_pb2, tally_pb2_grpc


class Empty(tally_pb2_grpc.TallyServiceServicer):
    """Answers every addition at once with the same sum and position."""

    async def Add(  # noqa: N802 - the name is the contract's
        self, request: tally_pb2.AddRequest, context: object
    ) -> tally_pb2.AddResponse:
        """Answer without adding."""
        return tally_pb2.AddResponse(
            request_id=request.request_id,
            sum="42.5",
            position=tally_pb2.Position(topic="tally.sums.v1", partition=7, offset=1_000_000),
        )

    async def AddBatch(  # noqa: N802
        self, request: tally_pb2.AddBatchRequest, context: object
    ) -> tally_pb2.AddBatchResponse:
        """Answer without results: nobody measures it."""
        return tally_pb2.AddBatchResponse()

    async def AddColumns(  # noqa: N802
        self, request: tally_pb2.AddColumnsRequest, context: object
    ) -> tally_pb2.AddColumnsResponse:
        """Answer without sums: nobody measures it."""
        return tally_pb2.AddColumnsResponse()


async def serve(port: int) -> None:
    """Serve until the process is ended."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    tally_pb2_grpc.add_TallyServiceServicer_to_server(Empty(), server)
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
