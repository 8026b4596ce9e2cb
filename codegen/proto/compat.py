"""The Protobuf verdict: may a file follow an old version of itself? buf's rules and one of ours; in sentences.

buf compares two descriptor sets, offline. Asked are the rules that keep bytes, JSON and calls working between any two
versions: a field may be added anywhere, and removed when its number and its name are reserved. That last rule is said
by us, with the cure, and so is what is gone altogether, since it may be retired. Protobuf has no direction: both sides
read both, or they do not.
"""

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from google.protobuf import descriptor_pb2

from codegen import cache
from codegen.avro.compat import Finding
from codegen.errors import CodegenError
from codegen.proto.buf import run_buf
from codegen.proto.compiler import closure
from codegen.proto.gone import gone, names_of

GONE: Final = "gone"
"""The rule of what is gone altogether; a finding's path is its name then, ``message shop.v1.Order``."""

_RULES: Final = ("WIRE_JSON", "ONEOF_NO_DELETE", "EXTENSION_MESSAGE_NO_DELETE", "EXTENSION_NO_DELETE")
_OURS: Final = frozenset(
    {
        "FIELD_NO_DELETE_UNLESS_NAME_RESERVED",
        "FIELD_NO_DELETE_UNLESS_NUMBER_RESERVED",
        "ENUM_VALUE_NO_DELETE_UNLESS_NAME_RESERVED",
        "ENUM_VALUE_NO_DELETE_UNLESS_NUMBER_RESERVED",
    }
)
"""buf's form of our rule; one sentence is enough."""

_BREAKS_FOUND: Final = 100

Files = descriptor_pb2.FileDescriptorSet
_Reserving = descriptor_pb2.DescriptorProto | descriptor_pb2.EnumDescriptorProto


def findings(
    file: str, old_name: str, old: Files, new_name: str, new: Files, *, breaking: str = ""
) -> tuple[Finding, ...]:
    """Return what speaks against a file of ``new`` after the same file of ``old``. Raises CodegenError without buf.

    ``breaking`` is what buf.yaml says of breaking changes, as JSON; then buf's verdict takes the place of our rules.
    """
    found = [
        Finding(name, GONE, "ITSELF", f"the {name} is gone: {whom}") for name, whom in gone(file, old, names_of(new))
    ]
    found += [] if breaking else _unreserved(file, old, new)
    found += _buf(file, old, new, breaking)
    between = f"{old_name} and {new_name} do not understand each other"
    return tuple(Finding(f.path, f.rule, "ITSELF", f"{between}: {f.sentence}") for f in found)


def _buf(file: str, old: Files, new: Files, breaking: str) -> Iterator[Finding]:
    before, after = (_only(each, file).SerializeToString(deterministic=True) for each in (old, new))
    if before == after:
        return
    settings = breaking or json.dumps({"use": _RULES})
    key = cache.key_of(("buf breaking", cache.version_of("buf-bin"), settings, file, before, after))
    said = cache.get(key)
    if said is None:
        said = _said_by_buf(file, before, after, settings).encode()
        cache.put(key, said)
    for line in said.decode().splitlines():
        told: dict[str, Any] = json.loads(line)
        if breaking or told["type"] not in _OURS:
            place = f"{told.get('path', file)}:{told['start_line']}" if "start_line" in told else file
            yield Finding(place, told["type"], "ITSELF", told["message"].rstrip("."))


def _said_by_buf(file: str, before: bytes, after: bytes, settings: str) -> str:
    """Return a line of JSON for each rule that is broken."""
    config = {"version": "v2", "breaking": json.loads(settings)}
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        (folder / "old.binpb").write_bytes(before)
        (folder / "new.binpb").write_bytes(after)
        arguments = ("new.binpb", "--against", "old.binpb", "--config", json.dumps(config), "--error-format", "json")
        done = run_buf(folder, "breaking", *arguments)
    if done.returncode not in {0, _BREAKS_FOUND}:
        raise CodegenError(f"{file}: buf cannot compare it: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def _only(files: Files, name: str) -> Files:
    """Return a file and what it imports: the other files of its set have a verdict of their own."""
    wanted = closure({file.name: file for file in files.file}, [name])
    found = Files()
    found.file.extend(file for file in files.file if file.name in wanted)
    return found


def _unreserved(file: str, old: Files, new: Files) -> Iterator[Finding]:
    """Yield each field and enum value that is gone while its number or its name could be taken again."""
    old_messages, old_enums = _types(old, file)
    new_messages, new_enums = _types(new, None)
    for name, message in old_messages.items():
        if name in new_messages:
            now = new_messages[name]
            gone = [f for f in message.field if f.number not in {other.number for other in now.field}]
            yield from (_gone("field", name, f, now, end=0) for f in gone if not _reserved(f.number, f.name, now, 0))
    for name, enum in old_enums.items():
        if name in new_enums:
            current = new_enums[name]
            lost = [v for v in enum.value if v.number not in {other.number for other in current.value}]
            # An enum's reserved range includes its end, a message's does not.
            yield from (
                _gone("value", name, v, current, 1) for v in lost if not _reserved(v.number, v.name, current, 1)
            )


def _reserved(number: int, name: str, where: _Reserving, end: int) -> bool:
    return name in where.reserved_name and any(r.start <= number < r.end + end for r in where.reserved_range)


def _gone(
    what: str,
    owner: str,
    gone: descriptor_pb2.FieldDescriptorProto | descriptor_pb2.EnumValueDescriptorProto,
    where: _Reserving,
    end: int,
) -> Finding:
    free = []
    if not any(r.start <= gone.number < r.end + end for r in where.reserved_range):
        free.append(f"reserved {gone.number};")
    if gone.name not in where.reserved_name:
        free.append(f'reserved "{gone.name}";')
    sentence = (
        f"the {what} `{gone.name}` (number {gone.number}) of {owner} is gone, and another could take its place with "
        f"another meaning; write `{' '.join(free)}` there"
    )
    return Finding(f"{owner}.{gone.name}", "deleted without reserved", "ITSELF", sentence)


_Messages = Mapping[str, descriptor_pb2.DescriptorProto]
_Enums = Mapping[str, descriptor_pb2.EnumDescriptorProto]


def _types(files: Files, only: str | None) -> tuple[_Messages, _Enums]:
    """Return all messages and enums by full name, of one file or of all."""
    messages: dict[str, descriptor_pb2.DescriptorProto] = {}
    enums: dict[str, descriptor_pb2.EnumDescriptorProto] = {}
    for file in files.file:
        if only is None or file.name == only:
            prefix = f"{file.package}." if file.package else ""
            waiting = [(f"{prefix}{m.name}", m) for m in file.message_type]
            enums |= {f"{prefix}{e.name}": e for e in file.enum_type}
            for name, message in waiting:  # grows while it is walked
                messages[name] = message
                waiting += [(f"{name}.{m.name}", m) for m in message.nested_type]
                enums |= {f"{name}.{e.name}": e for e in message.enum_type}
    return messages, enums
