"""The description of the Protobuf files for reflection: as the contracts name them, with their rules readable.

The generated modules keep rules as bytes that nobody has to know: an import of another project's module, only to load a
message, would be a dependency of every service and a clash of two descriptors in one process. A server that describes
itself answers with these files instead. Of buf/validate/validate.proto they hold the messages and fields that the
contracts use, under their numbers: enough to read every rule, and the same whatever version of it generated them.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from codegen.proto.validate import VALIDATE_FILE, imports_rules, is_for_rules

_Field = descriptor_pb2.FieldDescriptorProto
_BYTES_A_LINE = 60


def module_text(found: descriptor_pb2.FileDescriptorSet, own: list[str], mark: str) -> str:
    """Return the module with all ``own`` files, and the part of buf/validate/validate.proto that they use."""
    served = descriptor_pb2.FileDescriptorSet()
    importing = [file for file in found.file if file.name in own and imports_rules(file)]
    if VALIDATE_FILE not in own and importing:
        if all(is_for_rules(file) for file in importing):
            served.file.append(_used_part(found, own))
        else:  # as a type, too
            served.file.extend(file for file in found.file if file.name == VALIDATE_FILE)
    for file in found.file:
        if file.name in own:
            copy = served.file.add()
            copy.CopyFrom(file)
            copy.ClearField("source_code_info")
    raw = served.SerializeToString(deterministic=True)
    chunks = [raw[i : i + _BYTES_A_LINE] for i in range(0, len(raw), _BYTES_A_LINE)]
    lines = [
        mark,
        '"""The Protobuf files as a serialized google.protobuf.FileDescriptorSet, for server reflection."""',
        "",
        "from typing import Final",
        "",
        "FILES: Final[bytes] = (",
        *(f"    {chunk!r}" for chunk in chunks),
        ")",
    ]
    return "\n".join(lines) + "\n"


def _used_part(found: descriptor_pb2.FileDescriptorSet, own: list[str]) -> descriptor_pb2.FileDescriptorProto:
    """Return buf/validate/validate.proto with only what the options of the ``own`` files use."""
    used = _Used(found)
    for file in found.file:
        if file.name in own:
            for message in file.message_type:
                used.read_message(message)
    [whole] = [file for file in found.file if file.name == VALIDATE_FILE]
    part = descriptor_pb2.FileDescriptorProto(
        name=VALIDATE_FILE, package=whole.package, dependency=["google/protobuf/descriptor.proto"]
    )
    for message in whole.message_type:
        numbers = used.fields.get(f"{whole.package}.{message.name}")
        if numbers is not None:
            part.message_type.add(
                name=message.name, field=[_bare(field) for field in message.field if field.number in numbers]
            )
    for extension in whole.extension:
        if f"{whole.package}.{extension.name}" in used.extensions:
            part.extension.append(_bare(extension))
    enums = {field.type_name for message in part.message_type for field in message.field}
    for enum in whole.enum_type:
        if f".{whole.package}.{enum.name}" in enums:
            values = [descriptor_pb2.EnumValueDescriptorProto(name=v.name, number=v.number) for v in enum.value]
            part.enum_type.add(name=enum.name, value=values)
    return part


def _bare(field: _Field) -> _Field:
    """Return a field with what its bytes are read by, and nothing else."""
    label = field.label if field.label == _Field.LABEL_REPEATED else _Field.LABEL_OPTIONAL
    bare = _Field(name=field.name, number=field.number, label=label, type=field.type, json_name=field.json_name)
    if field.type_name:
        bare.type_name = field.type_name
    if field.extendee:
        bare.extendee = field.extendee
    return bare


class _Used:
    """Which fields of the rules' messages, by number, and which extensions the options of the contracts hold."""

    def __init__(self, found: descriptor_pb2.FileDescriptorSet) -> None:
        pool: Any = descriptor_pool.DescriptorPool()
        for file in found.file:
            pool.AddSerializedFile(file.SerializeToString())
        self._pool = pool
        self.fields: dict[str, set[int]] = {}
        self.extensions: set[str] = set()

    def read_message(self, message: descriptor_pb2.DescriptorProto) -> None:
        """Note what the options of a message use, of its fields, and of the messages within."""
        holders: list[Any] = [message, *message.field, *message.oneof_decl, *message.extension]
        for holder in holders:
            self._read_options(holder.options)
        for nested in message.nested_type:
            self.read_message(nested)

    def _read_options(self, options: Any) -> None:
        kind: Any = message_factory.GetMessageClass(self._pool.FindMessageTypeByName(options.DESCRIPTOR.full_name))
        for field, value in kind.FromString(options.SerializeToString()).ListFields():
            if field.is_extension and field.file.name == VALIDATE_FILE:
                self.extensions.add(field.full_name)
                self._read_value(value)

    def _read_value(self, message: Any) -> None:
        numbers = self.fields.setdefault(message.DESCRIPTOR.full_name, set())
        for field, value in message.ListFields():
            numbers.add(field.number)
            if field.message_type is not None and field.message_type.file.name == VALIDATE_FILE:
                for each in value if field.is_repeated else [value]:
                    self._read_value(each)
