"""The committed generated code is what the contracts say, everywhere the same, importable, typed and served."""

import subprocess
import sys
from typing import Any

import grpc
from google.protobuf import descriptor_pool
from google.rpc import status_pb2
from grpc_reflection.v1alpha import (  # type: ignore[import-untyped]
    proto_reflection_descriptor_database,
    reflection,
)

from tally.generated import topics
from tally.generated.tally.v1 import tally_pb2, tally_pb2_grpc
from tests_support.checkout import ROOT
from tests_support.contracts.codegen_command import codegen


def test_the_committed_code_is_what_the_contracts_say_and_lint_has_no_findings() -> None:
    """The committed code is what the contracts generate, and the linter finds nothing."""
    for command in ("check", "lint"):
        codegen(ROOT, command)


def test_each_generated_module_imports_alone() -> None:
    """Generated modules import neither the generator nor numpy, so that a client stays light."""
    generated = ROOT / "tally" / "generated"
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in sorted(generated.rglob("*.py"))
    ]
    code = f"import importlib, sys\nfor name in {modules!r}:\n    importlib.import_module(name)\n"
    code += "assert not [m for m in sys.modules if m.split('.')[0] in ('codegen', 'numpy')]"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_status_in_a_batch_s_result_is_google_s_own_class() -> None:
    """The status of a batch's result is Google's own class, so any gRPC program can use it."""
    result = tally_pb2.AddResult(status=status_pb2.Status(code=3, message="no"))
    assert isinstance(result.status, status_pb2.Status)
    assert tally_pb2.AddResult.FromString(result.SerializeToString()).status.message == "no"


async def test_the_service_is_found_and_called_through_reflection() -> None:
    """A client that has nothing but the server's reflection can find Add and call it."""

    class Service(tally_pb2_grpc.TallyServiceServicer):
        async def Add(self, request: tally_pb2.AddRequest, context: object) -> tally_pb2.AddResponse:  # noqa: N802
            return tally_pb2.AddResponse(request_id=request.request_id, sum="42.5")

        async def AddBatch(self, request: object, context: object) -> tally_pb2.AddBatchResponse:  # noqa: N802
            return tally_pb2.AddBatchResponse()

        async def AddColumns(self, request: object, context: object) -> tally_pb2.AddColumnsResponse:  # noqa: N802
            return tally_pb2.AddColumnsResponse()

    server = grpc.aio.server()
    tally_pb2_grpc.add_TallyServiceServicer_to_server(Service(), server)
    reflection.enable_server_reflection(["tally.v1.TallyService", reflection.SERVICE_NAME], server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        answer = await _through_reflection(port)
    finally:
        await server.stop(grace=None)
    assert answer == ("x", "42.5")


async def _through_reflection(port: int) -> tuple[str, str]:
    """Call Add as a client that has nothing but the server's own description."""
    import asyncio

    from google.protobuf import message_factory

    def call() -> tuple[str, str]:
        with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
            database = proto_reflection_descriptor_database.ProtoReflectionDescriptorDatabase(channel)
            assert "tally.v1.TallyService" in database.get_services()
            pool = descriptor_pool.DescriptorPool(database)
            method = pool.FindServiceByName("tally.v1.TallyService").FindMethodByName("Add")
            request = message_factory.GetMessageClass(method.input_type)(request_id="x", a="2", b="40.5")
            response: Any = message_factory.GetMessageClass(method.output_type)
            add: Any = channel.unary_unary(
                "/tally.v1.TallyService/Add",
                request_serializer=lambda message: message.SerializeToString(),
                response_deserializer=response.FromString,
            )
            found = add(request, timeout=10)
            return found.request_id, found.sum

    return await asyncio.to_thread(call)


def test_the_topics_are_constants_with_all_their_facts() -> None:
    """Each topic is a constant with the name, partitions, subject and configuration of its contract."""
    assert topics.ALL == (topics.SUMS, topics.SUMS_DLT)
    assert (topics.SUMS.name, topics.SUMS.partitions, topics.SUMS.subject) == (
        "tally.sums.v1",
        12,
        "tally.sums.v1-value",
    )
    assert topics.SUMS.config["cleanup.policy"] == "delete"
    assert topics.SUMS_DLT.partitions == topics.SUMS.partitions
