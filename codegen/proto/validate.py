"""Where ``buf/validate/validate.proto`` comes from: an installed package, as a descriptor.

Its text is another project's and is not copied. Two kinds of packages have it: those with the module
``buf.validate.validate_pb2``, and protovalidate from version 2 on.
"""

import importlib
from collections.abc import Iterable, Iterator
from typing import Any, Final

from google.protobuf import descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2

from codegen.errors import CodegenError

VALIDATE_FILE: Final = "buf/validate/validate.proto"
_PACKAGE: Final = ".buf.validate."
_MODULE: Final = "buf.validate.validate_pb2"


def validate_files() -> descriptor_pb2.FileDescriptorSet:
    """Return the descriptor of buf/validate/validate.proto after those of what it imports. Raises CodegenError."""
    found = descriptor_pb2.FileDescriptorSet()
    imported: list[Any] = [descriptor_pb2, duration_pb2, field_mask_pb2, timestamp_pb2]
    for module in imported:
        found.file.append(descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb))
    found.file.append(descriptor_pb2.FileDescriptorProto.FromString(_serialized()))
    return found


def has_validate() -> bool:
    """Tell whether an installed package has buf/validate/validate.proto."""
    return _imported(_MODULE) is not None or hasattr(_imported("protovalidate"), "ViolationPb")


def imports_rules(file: descriptor_pb2.FileDescriptorProto) -> bool:
    """Tell whether a file imports buf/validate/validate.proto, as a whole or for its options."""
    return VALIDATE_FILE in file.dependency or VALIDATE_FILE in file.option_dependency


def is_for_rules(file: descriptor_pb2.FileDescriptorProto) -> bool:
    """Tell whether a file imports buf/validate/validate.proto for its options alone, and not for a type of its own."""
    return imports_rules(file) and not any(name.startswith(_PACKAGE) for name in types_of(file))


def types_of(file: descriptor_pb2.FileDescriptorProto) -> Iterator[str]:
    """Yield the names of all types that a file's fields and calls have, and of those that it extends."""
    return _types_of(file.extension, file.message_type, file.service)


def _types_of(extensions: Iterable[Any], messages: Iterable[Any], services: Iterable[Any] = ()) -> Iterator[str]:
    """Yield the names of all types that fields and calls have, and of those that are extended."""
    for extension in extensions:
        yield from (extension.type_name, extension.extendee)
    for service in services:
        yield from (name for rpc in service.method for name in (rpc.input_type, rpc.output_type))
    for message in messages:
        yield from (field.type_name for field in message.field)
        yield from _types_of(message.extension, message.nested_type)


def _serialized() -> bytes:
    module = _imported(_MODULE)
    if module is not None:
        serialized: bytes = module.DESCRIPTOR.serialized_pb
        return serialized
    native = getattr(_imported("protovalidate"), "ViolationPb", None)
    if native is not None:
        binary: bytes = native.desc().file.proto.to_binary()
        return binary
    raise CodegenError(
        f"a contract imports {VALIDATE_FILE}, and no installed package has it; "
        f"install protovalidate >= 2, or any package with the module {_MODULE}"
    )


def _imported(name: str) -> Any:
    """Return a module, or None where it, or one that it imports, is not installed."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None
