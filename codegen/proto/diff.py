"""What changed between two versions of a Protobuf file, in words: pure, a line a change."""

from collections.abc import Iterator, Sequence
from typing import Any

from google.protobuf import descriptor_pb2

Files = descriptor_pb2.FileDescriptorSet
_Type = descriptor_pb2.FieldDescriptorProto.Type
_Label = descriptor_pb2.FieldDescriptorProto.Label


def words(file: str, old: Files, new: Files) -> Iterator[str]:
    """Yield a line for each difference of a file but for comments."""
    before, after = (next(one for one in files.file if one.name == file) for files in (old, new))
    if before.package != after.package:
        yield f"the package is {after.package}, was {before.package}"
    yield from _imports(before, after)
    yield from _messages("", before.message_type, after.message_type)
    yield from _enums("", before.enum_type, after.enum_type)
    for name, was, now in _pairs("service", "", before.service, after.service):
        if was is None or now is None:
            yield name
        else:
            for rpc, was_rpc, now_rpc in _pairs("rpc", now.name, was.method, now.method):
                if was_rpc is None or now_rpc is None:
                    yield rpc
                elif was_rpc != now_rpc:
                    yield f"{rpc} has another request, answer, stream or option"


def _imports(before: Any, after: Any) -> Iterator[str]:
    yield from (f"{name} is imported" for name in after.dependency if name not in before.dependency)
    yield from (f"{name} is not imported any more" for name in before.dependency if name not in after.dependency)


def _messages(owner: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[str]:
    for name, was, now in _pairs("message", owner, before, after):
        if was is None or now is None:
            yield name
            continue
        path = f"{owner}.{now.name}".lstrip(".")
        yield from _fields(path, was, now)
        yield from _messages(path, was.nested_type, now.nested_type)
        yield from _enums(path, was.enum_type, now.enum_type)


def _fields(path: str, before: Any, after: Any) -> Iterator[str]:
    was = {field.number: field for field in before.field}
    now = {field.number: field for field in after.field}
    yield from (f"{path}: the field `{f.name}` (number {n}) is gone" for n, f in was.items() if n not in now)
    for number, field in now.items():
        if number not in was:
            yield f"{path}: the field `{field.name}` ({_kind(field)}, number {number}) is new"
            continue
        if was[number].name != field.name:
            yield f"{path}: the field number {number} is called `{field.name}`, was `{was[number].name}`"
        if _kind(was[number]) != _kind(field):
            yield f"{path}: `{field.name}` is {_kind(field)}, was {_kind(was[number])}"
        if was[number].options != field.options:
            yield f"{path}: `{field.name}` has other options or rules"


def _enums(owner: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[str]:
    for name, was, now in _pairs("enum", owner, before, after):
        if was is None or now is None:
            yield name
            continue
        values, known = ({v.number: v.name for v in enum.value} for enum in (now, was))
        yield from (f"{now.name}: the value {v} = {n} is gone" for n, v in known.items() if n not in values)
        yield from (f"{now.name}: the value {v} = {n} is new" for n, v in values.items() if n not in known)
        for number in known.keys() & values.keys():
            if known[number] != values[number]:
                yield f"{now.name}: the value {number} is called {values[number]}, was {known[number]}"


def _pairs(what: str, owner: str, before: Sequence[Any], after: Sequence[Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield (what there is to say, old or None, new or None) of things by name."""
    was, now = ({one.name: one for one in side} for side in (before, after))
    for name in [*was, *(name for name in now if name not in was)]:
        path = f"the {what} {owner}.{name}".replace(" .", " ")
        state = f"{path} is gone" if name not in now else f"{path} is new" if name not in was else path
        yield state, was.get(name), now.get(name)


def _kind(field: descriptor_pb2.FieldDescriptorProto) -> str:
    name = field.type_name.lstrip(".") or _Type.Name(field.type).removeprefix("TYPE_").lower()
    repeated = "repeated " if field.label == _Label.Value("LABEL_REPEATED") else ""
    optional = "optional " if field.proto3_optional else ""
    return f"{repeated}{optional}{name}" + (" in a oneof" if field.HasField("oneof_index") and not optional else "")
