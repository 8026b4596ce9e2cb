"""What the documents ask of grpcurl, for a machine without it: one call, by the server's reflection, with JSON.

``-plaintext -d JSON HOST:PORT SERVICE/METHOD``
"""

import sys

import grpc
from google.protobuf import json_format
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message_factory import GetMessageClass
from grpc_reflection.v1alpha import proto_reflection_descriptor_database as reflection  # type: ignore[import-untyped]

_TIMEOUT_S = 20.0


def main(plain: str, option: str, data: str, target: str, path: str) -> None:
    """Make the call and print the answer as grpcurl does, without what has its default value."""
    assert (plain, option) == ("-plaintext", "-d")
    with grpc.insecure_channel(target) as channel:
        known = DescriptorPool(reflection.ProtoReflectionDescriptorDatabase(channel))
        service, name = path.split("/")
        method = known.FindServiceByName(service).methods_by_name[name]
        request = json_format.Parse(data, GetMessageClass(method.input_type)())
        call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(f"/{path}")
        answer = call(request.SerializeToString(), timeout=_TIMEOUT_S)
    print(json_format.MessageToJson(GetMessageClass(method.output_type).FromString(answer)))


if __name__ == "__main__":
    main(*sys.argv[1:])
