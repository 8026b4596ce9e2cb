"""Protobuf texts as descriptors: protoc, asked once for many files, and never twice for the same texts.

A question is a file with the texts of what it imports. Its answer follows from these and from the installed packages,
so it is kept in codegen's cache. Questions that are known beforehand are answered together: one run of protoc for as
many as agree on what each path holds, which is all of them unless there are several versions of a file.
"""

import hashlib
import importlib.util
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

from google.protobuf import descriptor_pb2

from codegen import cache
from codegen.errors import CodegenError, ContractError
from codegen.proto.validate import VALIDATE_FILE, has_validate, validate_files

Files = descriptor_pb2.FileDescriptorSet

_PROTOC_TIMEOUT_S: Final = 300
_REMEMBERED_MAX: Final = 1024
_PROTOC_LINE: Final = re.compile(r"(?P<file>[^\s:]+\.proto)(:(?P<line>\d+):(?P<column>\d+))?: (?P<problem>.*)")
_LOG_LINE: Final = re.compile(r"[IWEF]\d{4} [\d:.]+ +\d+ [^\]]*\] (?P<words>.*)")
_NAMING_STYLE: Final = "enforce_naming_style"
_NO_SYNTAX: Final = "No edition or syntax specified for the proto file: "
_INSTALLED: Final = (("google.rpc", "googleapis-common-protos", 2), ("grpc_tools", "grpcio-tools", 0))
"""The packages that bring Protobuf files: a module, its distribution, and how far up imports start."""


@dataclass(frozen=True)
class Question:
    """Files by name, and the texts of these and of what they import, by import path."""

    names: tuple[str, ...]
    texts: tuple[tuple[str, str], ...]


def descriptors_of(texts: Mapping[str, str], name: str) -> Files:
    """Return the descriptors of a file and of all it imports, from texts by import path; its comments included.

    Files that are not among the texts come from the packages installed here. Nobody changes what is returned: a second
    call with the same texts returns the same object. Raises ContractError.
    """
    return _answer(Question((name,), tuple(sorted(texts.items()))))


def descriptors_of_all(texts: Mapping[str, str]) -> Files:
    """Return the descriptors of all texts in one set, as ``descriptors_of`` does. Raises ContractError."""
    return _answer(Question(tuple(sorted(texts)), tuple(sorted(texts.items()))))


def prepare(asked: Iterable[tuple[Mapping[str, str], str]]) -> None:
    """Compile what ``descriptors_of`` will be asked for, in few runs. Errors are told by ``descriptors_of``."""
    questions = {Question((name,), tuple(sorted(texts.items()))) for texts, name in asked}
    missing = [q for q in sorted(questions, key=lambda q: q.names) if not cache.has(_key(q))]
    for group in _agreeing(missing):
        _compile_together(group)


def _agreeing(questions: Sequence[Question]) -> list[list[Question]]:
    """Return the questions in groups, in each of which a path has one text only."""
    groups: list[tuple[dict[str, str], list[Question]]] = []
    for question in questions:
        own = _retained(dict(question.texts))
        alike = [group for group in groups if _retained(group[0]) == own]
        agreeing = (g for g in alike if all(g[0].get(path, text) == text for path, text in question.texts))
        texts, group = next(agreeing, ({}, []))
        if not group:
            groups.append((texts, group))
        texts |= dict(question.texts)
        group.append(question)
    return [group for _, group in groups]


def _compile_together(group: list[Question]) -> None:
    """Answer the questions of a group; of one that cannot be answered the halves are asked, down to the file."""
    texts = {path: text for question in group for path, text in question.texts}
    try:
        found = _compiled(tuple(name for question in group for name in question.names), texts)
    except ContractError:
        half = len(group) // 2
        for part in (group[:half], group[half:]) if half else ():
            _compile_together(part)
        return
    by_name = {file.name: file for file in found.file}
    for question in group:
        names = closure(by_name, question.names)
        if names & texts.keys() <= dict(question.texts).keys():  # or a neighbour's text took an installed file's place
            cache.put(_key(question), _serialized((f for f in found.file if f.name in names), question.names))


def imports_of(file: descriptor_pb2.FileDescriptorProto) -> list[str]:
    """Return the files that a file imports, for their options only, too."""
    return [*file.dependency, *file.option_dependency]


def closure(files: Mapping[str, descriptor_pb2.FileDescriptorProto], names: Iterable[str]) -> set[str]:
    """Return the names of files and of all they import, as far as these are among ``files``."""
    found = list(names)
    known = set(found)
    for name in found:  # grows while it is walked
        more = [each for each in imports_of(files[name]) if each in files and each not in known]
        found += more
        known.update(more)
    return known


@lru_cache(maxsize=_REMEMBERED_MAX)
def _answer(question: Question) -> Files:
    key = _key(question)
    kept = cache.get(key)
    if kept is None:
        found = _compiled(question.names, dict(question.texts))
        kept = _serialized(found.file, question.names)
        cache.put(key, kept)
    return Files.FromString(kept)


def _serialized(files: Iterable[descriptor_pb2.FileDescriptorProto], own: Sequence[str]) -> bytes:
    """Return a set of files in which only ``own`` ones have their comments and places."""
    found = Files()
    found.file.extend(files)
    for file in found.file:
        if file.name not in own:
            file.ClearField("source_code_info")
    return found.SerializeToString(deterministic=True)


def _key(question: Question) -> str:
    texts = (part for path, text in question.texts for part in (path, _hash(text)))
    rules = _validate_hash() if any(VALIDATE_FILE in text for _, text in question.texts) else ""
    options = _retained(dict(question.texts))
    return cache.key_of(("protoc", *options, *_versions(), rules, *question.names, "", *texts))


@lru_cache(maxsize=8 * _REMEMBERED_MAX)
def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()


@lru_cache(maxsize=1)
def _versions() -> tuple[str, ...]:
    return tuple(cache.version_of(distribution) for _, distribution, _ in _INSTALLED)


@lru_cache(maxsize=1)
def _validate_hash() -> bytes:
    return hashlib.sha256(validate_files().SerializeToString(deterministic=True)).digest()


def _compiled(names: Sequence[str], texts: Mapping[str, str]) -> Files:
    """Run protoc. Raises ContractError with protoc's own words, which name file and line."""
    with tempfile.TemporaryDirectory() as directory:
        sources, path = Path(directory) / "sources", Path(directory) / "set.bin"
        sources.mkdir()
        for name, text in texts.items():
            target = sources / name
            if not Path(os.path.normpath(target)).is_relative_to(sources):
                raise ContractError(name, "", "is not an import path")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8", newline="")
        arguments = [f"-I{sources}", *(f"-I{include}" for include in include_dirs())]
        if VALIDATE_FILE not in texts and any(VALIDATE_FILE in text for text in texts.values()):
            installed = Path(directory) / "installed.bin"
            installed.write_bytes(validate_files().SerializeToString(deterministic=True))
            arguments.append(f"--descriptor_set_in={installed}")
        arguments += ["--include_imports", "--include_source_info", f"--descriptor_set_out={path}", *_retained(texts)]
        arguments += names
        errors = run_protoc(arguments)
        if errors is not None:
            raise _contract_error(errors.replace(f"{sources}/", ""))
        return Files.FromString(path.read_bytes())


def _retained(texts: Mapping[str, str]) -> list[str]:
    """Return the flag by which a set keeps the naming style, which protoc asks for when it makes code of the set.

    It keeps other options as well, which are no part of a fingerprint elsewhere; so it is given where it is needed.
    """
    return ["--retain_options"] if any(_NAMING_STYLE in text for text in texts.values()) else []


def _contract_error(said: str) -> ContractError:
    """Return protoc's words with the file and the line of the first error; warnings and its log are left out."""
    logged = [found["words"] for line in said.splitlines() if (found := _LOG_LINE.match(line))]
    errors = [found for line in said.splitlines() if (found := _PROTOC_LINE.match(line))]
    errors = [found for found in errors if not found["problem"].startswith("warning: ")]
    if not errors:
        return ContractError("proto", "", said, rule="protoc")
    first, *more = errors
    problem = first["problem"]
    if any(words.startswith(f"{_NO_SYNTAX}{first['file']}.") for words in logged):
        problem += ' (the file has no line such as syntax = "proto3"; and is read as proto2)'
    problem = "\n".join((problem, *(f"  proto/{found[0]}" for found in more)))
    line = int(first["line"] or 0)
    place = f"column {first['column']}" if first["column"] else ""
    return ContractError(f"proto/{first['file']}", place, problem, rule="protoc", line=line)


def fingerprint(file: descriptor_pb2.FileDescriptorProto) -> str:
    """Return the SHA-256 of a file's descriptor without comments and places, as hex."""
    bare = descriptor_pb2.FileDescriptorProto()
    bare.CopyFrom(file)
    bare.ClearField("source_code_info")
    return hashlib.sha256(bare.SerializeToString(deterministic=True)).hexdigest()


@lru_cache(maxsize=1)
def include_dirs() -> tuple[Path, ...]:
    """Return the folders with the Protobuf files of other packages: google/protobuf, google/rpc, …"""
    found = []
    for package, _, up in _INSTALLED:
        spec = importlib.util.find_spec(package)
        if spec is None or not spec.submodule_search_locations:
            raise CodegenError(
                f"the package {package} is not installed; install googleapis-common-protos, grpcio-tools"
            )
        location = Path(next(iter(spec.submodule_search_locations)))
        found.append(location / "_proto" if up == 0 else location.parents[up - 1])
    return tuple(found)


def is_installed(name: str) -> bool:
    """Tell whether a package that is installed here brings a file; its Python module does, too, and must be one."""
    return any((folder / name).is_file() for folder in include_dirs()) or (name == VALIDATE_FILE and has_validate())


def installed_by(name: str) -> str:
    """Return the package that brings a file, with its version: ``grpcio-tools 1.80``; nothing for no text of one."""
    folders = zip(include_dirs(), _INSTALLED, strict=True)
    found = (package for folder, (_, package, _) in folders if (folder / name).is_file())
    return next((f"{package} {cache.version_of(package)}" for package in found), "")


def run_protoc(arguments: Sequence[str]) -> str | None:
    """Run protoc and return its error text, or None."""
    command = [sys.executable, "-m", "grpc_tools.protoc", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_PROTOC_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise CodegenError(f"protoc did not end within {_PROTOC_TIMEOUT_S} s") from error
    return None if done.returncode == 0 else done.stderr.strip()
