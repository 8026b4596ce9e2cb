"""Server reflection under both of its names, v1 and v1alpha.

grpcio-reflection has only v1alpha. The v1 service is the same, message for message and byte for byte, under another
package name, so its description is made from that of v1alpha, and the same servicer answers its calls.

The descriptions are of the contract's own files, with the rules on the fields, not of the copy in the generated
modules: so they have a pool of their own. It also has the details of errors, which no file imports: a tool that finds
them shows reasons instead of bytes.
"""

from collections.abc import AsyncIterator
from typing import Any

import grpc
from google.protobuf import descriptor_pb2, descriptor_pool
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2  # type: ignore[import-untyped]
from grpc_reflection.v1alpha import reflection_pb2  # type: ignore[import-untyped]
from grpc_reflection.v1alpha._async import ReflectionServicer  # type: ignore[import-untyped]

from producer.shell.grpc_calls import Calls
from producer.shell.intake import Context
from tally.generated.descriptors import FILES

V1ALPHA_PACKAGE = "grpc.reflection.v1alpha"
V1_PACKAGE = "grpc.reflection.v1"
_V1_FILE = "grpc/reflection/v1/reflection.proto"
_SERVICE = "ServerReflection"
_METHOD = "ServerReflectionInfo"


def reflection_handlers(calls: Calls, service_names: list[str]) -> list[grpc.GenericRpcHandler]:
    """Return the handlers of reflection for these services and for itself."""
    pool = served_pool(FILES)
    _describe_v1(pool)
    names = [f"{package}.{_SERVICE}" for package in (V1_PACKAGE, V1ALPHA_PACKAGE)]
    servicer = ReflectionServicer([*service_names, *names], pool=pool)

    async def answer(requests: AsyncIterator[Any], context: Context) -> None:
        async for each in servicer.ServerReflectionInfo(requests, context):
            await context.write(each)

    handler = calls.dialogue(reflection_pb2.ServerReflectionRequest, answer)
    return [grpc.method_handlers_generic_handler(name, {_METHOD: handler}) for name in names]


def served_pool(files: bytes) -> Any:
    """Return a pool with the files of a serialized FileDescriptorSet, and of reflection, health and details."""
    served = descriptor_pb2.FileDescriptorSet.FromString(files)
    given = {file.name: file for file in served.file}
    modules: list[Any] = [reflection_pb2, health_pb2, error_details_pb2]
    pool: Any = descriptor_pool.DescriptorPool()
    added: set[str] = set()

    def add(name: str) -> None:
        if name in added:
            return
        added.add(name)
        file = given.get(name)
        if file is None:
            installed: Any = descriptor_pool.Default().FindFileByName(name)
            file = descriptor_pb2.FileDescriptorProto.FromString(installed.serialized_pb)
        for dependency in file.dependency:
            add(dependency)
        pool.AddSerializedFile(file.SerializeToString())

    for name in (*given, *(module.DESCRIPTOR.name for module in modules)):
        add(name)
    return pool


def _describe_v1(pool: Any) -> None:
    """Add the description of v1 to the pool."""
    file = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name = _V1_FILE
    file.package = V1_PACKAGE
    file.options.Clear()
    for message in file.message_type:
        for field in message.field:
            if field.HasField("type_name"):
                field.type_name = _renamed(field.type_name)
    for service in file.service:
        for method in service.method:
            method.input_type = _renamed(method.input_type)
            method.output_type = _renamed(method.output_type)
    pool.AddSerializedFile(file.SerializeToString())


def _renamed(type_name: str) -> str:
    return type_name.replace(f".{V1ALPHA_PACKAGE}.", f".{V1_PACKAGE}.")
