"""Contracts from somebody's registry: a folder that ``codegen generate`` takes, from nothing but an address."""

import fnmatch
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codegen.avro import parse as avro_parse
from codegen.errors import CodegenError, ContractError
from codegen.plan.history import pretty
from codegen.proto import compiler as proto_compiler
from codegen.remote import registry_admin
from codegen.remote.capabilities import DEFAULT_CONTEXT, Asked, split_context
from codegen.remote.registry_text import with_rules
from codegen.text import snake
from tally.base.written_file import write_file
from tally.registry.http import RegistryHttp

_WELL_KNOWN: Final = "google/protobuf/"
_NOT_IN_NAMES: Final = re.compile(r"[^a-z0-9_]+")


@dataclass(frozen=True)
class Pulled:
    """A file for the contracts' folder, by its path there; without text it only tells why there is none."""

    path: str
    text: str
    note: str


def pull(http: RegistryHttp, pattern: str) -> list[Pulled]:
    """Return the files of the subjects that ``PATTERN[@VERSION]`` names. Raises CodegenError and RegistryError.

    A pattern means subjects of the default context, or of the address's; ``:.staging:orders*`` those of another.
    """
    wanted, _, version = pattern.partition("@")
    if version not in {"", "latest"} and not version.isdigit():
        raise CodegenError(f"--subject {pattern}: the version is {version!r}; allowed is a number, or latest")
    elsewhere = wanted.startswith(":")
    subjects = registry_admin.list_subjects(http, split_context(wanted)[0] if elsewhere else "")
    names = [name for name in subjects if name.startswith(":.") == elsewhere and fnmatch.fnmatchcase(name, wanted)]
    can = Asked(http)
    if not names:
        shown = ", ".join(subjects[:20]) + (", …" if subjects[20:] else "")
        raise CodegenError(f"--subject {wanted}: matches no subject of {http.url}; there are {shown or 'none'}")
    found: dict[str, Pulled] = {}
    for name in names:
        number = version if version.isdigit() else str(max(registry_admin.versions(http, name)))
        for file in _files(http, name, number, can):
            same = found.get(file.path)
            if same is not None and same.text != file.text:
                raise CodegenError(
                    f"{name}: {file.path} holds a different schema in {same.note}; pull one subject at a time"
                )
            found[file.path] = file
    return list(found.values())


def _files(http: RegistryHttp, subject: str, version: str, can: Asked) -> Iterator[Pulled]:
    kind = registry_admin.kind_of(http, subject, version)
    context, own_name = split_context(subject)
    within = context if context != DEFAULT_CONTEXT and can().keeps_apart(context) else DEFAULT_CONTEXT
    text, imports = registry_admin.read_version(http, subject, version, within)
    note = f"{subject}, version {version}"
    if kind == "AVRO":
        if imports:
            raise CodegenError(f"{note}: refers to {', '.join(imports)}; codegen takes Avro schemas that stand alone")
        top = avro_parse.parse(note, text).name
        yield Pulled(f"avro/{snake(top.rpartition('.')[2])}.avsc", pretty("AVRO", text), note)
    elif kind == "PROTOBUF":
        own = own_name if own_name.endswith(".proto") else f"{_NOT_IN_NAMES.sub('_', own_name.lower())}.proto"
        texts = {**imports, own: text}
        for name, content in texts.items():
            if not _installed(name):
                its = with_rules({**texts, name: pretty("PROTOBUF", content)}, name)
                yield Pulled(f"proto/{name}", its, note)
    else:
        raise CodegenError(f"{note}: is of type {kind}; codegen takes AVRO and PROTOBUF")


def _installed(name: str) -> bool:
    """Tell whether a file comes with a package here; its Python module does, too, and must not exist twice."""
    return name.startswith(_WELL_KNOWN) or any((folder / name).is_file() for folder in proto_compiler.include_dirs())


def write(folder: Path, files: list[Pulled]) -> list[str]:
    """Write the files and return a line for each that is new. Raises CodegenError for one that says something else."""
    lines = []
    for file in files:
        path = folder / file.path
        if not path.resolve().is_relative_to(folder.resolve()):
            raise ContractError(file.path, "", f"is not a path below {folder} ({file.note})")
        if path.exists() and path.read_text(encoding="utf-8") != file.text:
            raise CodegenError(f"{path} exists with other content; give an empty folder with --out, or delete it")
    for file in files:
        path = folder / file.path
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_file(path, file.text)
            lines.append(f"{path} ({file.note})")
    return lines
