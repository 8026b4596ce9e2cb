"""Contracts from somebody's registry: a folder in which ``codegen plan`` has nothing to do, from an address alone.

The order: 1. read every version of the subjects and of what they refer to, 2. give each newest text a file and leave
out what codegen cannot take, with the reason, 3. say in codegen.yaml what the files do not say by themselves, 4. put
the versions into history/ and the lock, 5. write it all where nothing else stands (`codegen.remote.pulled_folder`).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from google.protobuf.descriptor_pb2 import DescriptorProto, FileDescriptorProto

from codegen.avro import parse as avro_parse
from codegen.avro.references import stand_alone
from codegen.errors import CodegenError, ContractError
from codegen.plan.history import path_of, pretty
from codegen.plan.terms import Reference, import_path
from codegen.proto import compiler as proto_compiler
from codegen.remote.capabilities import split_context
from codegen.remote.registered import Holdings
from codegen.remote.registry_admin import WELL_KNOWN, Registered
from codegen.remote.registry_text import with_rules
from codegen.text import snake

KINDS: Final = ("AVRO", "PROTOBUF")
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9_]+")


@dataclass
class Taken:
    """What becomes of a registry's subjects: a text by file, a file by subject, and why the others are left out."""

    files: dict[str, str] = field(default_factory=dict)
    file_of: dict[str, str] = field(default_factory=dict)
    newest: dict[str, Registered] = field(default_factory=dict)
    refused: dict[str, str] = field(default_factory=dict)


def take(held: Holdings, files: Mapping[str, str] = MappingProxyType({})) -> Taken:
    """Give each subject's newest version a file. Never raises for what a registry holds.

    ``files`` are those that subjects have already; they keep them as far as others do not call them otherwise.
    """
    taken = Taken()
    for subject, versions in held.versions.items():
        newest = versions[-1] if versions else None
        reason = _reason(subject, newest)
        if newest is None or reason:
            taken.refused[subject] = reason
        else:
            taken.newest[subject] = newest
    names = {
        each.subject: each.name
        for versions in held.versions.values()
        for one in versions
        for each in one.references
        if one.kind == "PROTOBUF"
    }
    _take_avro(held, taken, files)
    _take_protobuf(held, taken, names, files)
    while _refuse_users(held, taken):
        pass
    used = set(taken.file_of.values())
    taken.files = {path: text for path, text in taken.files.items() if path in used}
    return taken


_REFERS: Final = "refers to"


def _refuse_users(held: Holdings, taken: Taken) -> bool:
    """Drop what was refused, and refuse what refers to it; tell whether there was any."""
    for subject in taken.refused:
        taken.newest.pop(subject, None)
        taken.file_of.pop(subject, None)
    found = {
        subject: f"{_REFERS} {each.subject}, which cannot be taken"
        for subject, versions in held.versions.items()
        for each in (versions[-1].references if versions else ())
        if each.subject in taken.refused and not taken.refused.get(subject, "").startswith(_REFERS)
    }
    taken.refused |= found
    return bool(found)


def _reason(subject: str, newest: Registered | None) -> str:
    """Return why a subject cannot be taken, as far as it can be told without its text; "" when it can."""
    if newest is None:
        return "was deleted there, and others still refer to it"
    if newest.kind not in KINDS:
        return f"is of type {newest.kind}; codegen takes AVRO and PROTOBUF"
    try:
        path_of(Path(), subject, newest.kind, 1)
    except CodegenError as error:
        return str(error)
    return ""


def _take_avro(held: Holdings, taken: Taken, files: Mapping[str, str]) -> None:
    """Give each text the file it has, or one by its type's name. A text under several subjects is one file."""
    by_text: dict[tuple[str, tuple[Reference, ...]], str] = {}
    kept = set(files.values())
    found = [each for each in taken.newest.items() if each[1].kind == "AVRO"]
    for subject, newest in sorted(found, key=lambda each: each[0] not in files):
        try:
            text = pretty("AVRO", newest.text)
            schema = avro_parse.parse(subject, stand_alone(text, held.imports(newest)))
        except (ContractError, ValueError, RecursionError) as error:
            taken.refused[subject] = error.problem if isinstance(error, ContractError) else f"is no schema: {error}"
            continue
        path = files.get(subject)
        if path is None or not path.startswith("avro/") or taken.files.get(path, text) != text:
            path = by_text.get((text, newest.references))
        if path is None:
            own = _NOT_IN_NAMES.sub("_", split_context(subject)[1].lower())
            short = own if schema.definition is None else snake(schema.name.rpartition(".")[2])
            names = [
                short,
                snake(schema.name.replace(".", "_")),
                own,
                *(f"{own}_{number}" for number in range(2, 1000)),
            ]
            path = next(each for name in names if (each := f"avro/{name}.avsc") not in {*taken.files, *kept})
        taken.files[path] = text
        by_text.setdefault((text, newest.references), path)
        taken.file_of[subject] = path


def _take_protobuf(held: Holdings, taken: Taken, names: dict[str, str], files: Mapping[str, str]) -> None:
    """Give each file its import path: what others call it, the one it has, or its subject's name."""
    wanted: dict[str, str] = {}  # text by import path
    paths = {
        subject: _import_path(subject, names, files) for subject, one in taken.newest.items() if one.kind == "PROTOBUF"
    }
    for subject, usual in sorted(paths.items(), key=lambda each: each[1] not in names.values()):
        newest, path = taken.newest[subject], usual
        if path not in names.values() and wanted.get(path, newest.text) != newest.text:
            path = _import_path(subject, names, {})  # it had a file with another subject, and they differ now
        if _installed(path):  # comes with its package, and its Python module must not exist twice
            taken.newest.pop(subject)
            continue
        same = next(
            (other for other, text in wanted.items() if text == newest.text and path not in names.values()), path
        )
        if wanted.setdefault(same, newest.text) != newest.text:
            taken.refused[subject] = f"is imported as {path}, and so is another subject with another text"
            continue
        taken.file_of[subject] = f"proto/{same}"
    questions: dict[str, dict[str, str]] = {}
    for path, text in wanted.items():
        subject = next(each for each, file in taken.file_of.items() if file == f"proto/{path}")
        questions[path] = {**dict(held.imports(taken.newest[subject])), path: text}
    proto_compiler.prepare((texts, path) for path, texts in questions.items())
    symbols: dict[str, str] = {}
    for path, texts in questions.items():
        reason = _of_protobuf(texts, path, symbols)
        if reason:
            for each in [each for each, file in taken.file_of.items() if file == f"proto/{path}"]:
                taken.refused[each] = reason
                taken.file_of.pop(each)
            continue
        its = with_rules({**texts, path: pretty("PROTOBUF", texts[path])}, path)
        taken.files[f"proto/{path}"] = its


def _import_path(subject: str, names: Mapping[str, str], files: Mapping[str, str]) -> str:
    name = split_context(subject)[1]
    if subject not in names and files.get(subject, "").startswith("proto/"):
        return files[subject].removeprefix("proto/")
    if subject in names or name.endswith(".proto"):
        return names.get(subject, name)
    return import_path(_NOT_IN_NAMES.sub("_", name.lower()))


def _of_protobuf(texts: dict[str, str], path: str, symbols: dict[str, str]) -> str:
    """Return why a file cannot stand beside the others, "" when it can. ``symbols`` are theirs and get its own."""
    try:
        compiled = proto_compiler.descriptors_of(texts, path)
    except ContractError as error:
        return f"does not compile: {error.problem.splitlines()[0]}"
    (own,) = (file for file in compiled.file if file.name == path)
    for name in _symbols(own):
        if name in symbols:
            return f"defines {name}, and so does {symbols[name]} in other words: pull it into a folder of its own"
    symbols.update(dict.fromkeys(_symbols(own), path))
    return ""


def _symbols(file: FileDescriptorProto) -> Iterator[str]:
    """Yield the full names of a file's messages, enums and services."""
    kinds: tuple[list[DescriptorProto], ...] = (list(file.message_type), list(file.enum_type), list(file.service))  # type: ignore[arg-type]
    for each in (each for kind in kinds for each in kind):
        yield f"{file.package}.{each.name}".lstrip(".")


def _installed(name: str) -> bool:
    """Tell whether a file comes with a package here."""
    return name.startswith(WELL_KNOWN) or any((folder / name).is_file() for folder in proto_compiler.include_dirs())
