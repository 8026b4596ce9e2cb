"""What a Protobuf file had and has no more: packages, messages, enums, services and calls, by the words of a plan."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, Final

from google.protobuf import descriptor_pb2

Files = descriptor_pb2.FileDescriptorSet

_WHO: Final = {
    "package": "whoever calls, sends or stores anything of it names it so",
    "message": "whoever sends, receives or stores it has it in code",
    "enum": "whoever uses its values has it in code",
    "service": "its callers get UNIMPLEMENTED",
    "rpc": "its callers get UNIMPLEMENTED",
}


def names_of(files: Files, only: Collection[str] | None = None) -> dict[str, str]:
    """Return all that has a name, of some files or of all, with what holds it: ``message a.B`` in ``package a``."""
    found: dict[str, str] = {}
    for file in files.file:
        if only is None or file.name in only:
            package = f"package {file.package}"
            found[package] = ""
            stem = f"{file.package}." if file.package else ""
            found |= _types(stem, package, file.message_type, file.enum_type)
            for service in file.service:
                found[f"service {stem}{service.name}"] = package
                found |= {
                    f"rpc {stem}{service.name}.{rpc.name}": f"service {stem}{service.name}" for rpc in service.method
                }
    return found


def _types(stem: str, owner: str, messages: Sequence[Any], enums: Sequence[Any]) -> dict[str, str]:
    found = {f"enum {stem}{enum.name}": owner for enum in enums}
    for message in messages:
        if not message.options.map_entry:
            found[f"message {stem}{message.name}"] = owner
            found |= _types(
                f"{stem}{message.name}.", f"message {stem}{message.name}", message.nested_type, message.enum_type
            )
    return found


def outermost(names: dict[str, str]) -> list[str]:
    """Return those of the names whose holder is not among them."""
    return [name for name, owner in names.items() if owner not in names]


def gone(file: str, old: Files, now: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield (name, whom that breaks) of what a file had and is not among ``now``; of nested things the outermost."""
    lost = {name: owner for name, owner in names_of(old, [file]).items() if name not in now}
    for name in outermost(lost):
        yield name, _WHO[name.partition(" ")[0]]


def definitions(name: str, files: Files) -> dict[str, bytes]:
    """Return what the outermost messages, enums and services of a file say, by the same names."""
    file = next(file for file in files.file if file.name == name)
    stem = f"{file.package}." if file.package else ""
    said: dict[str, Sequence[Any]] = {"message": file.message_type, "enum": file.enum_type, "service": file.service}
    return {
        f"{what} {stem}{each.name}": each.SerializeToString(deterministic=True)
        for what, every in said.items()
        for each in every
    }
