"""Protobuf files of other projects, as texts or as the descriptors in generated modules, and the code made of them."""

import ast
import json
import re
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from google.protobuf import descriptor_pb2

from codegen.import_test import require_works
from codegen.proto import message_modules, rules_module, rules_runtime, served_files, stubs
from codegen.proto.compiler import closure, descriptors_of_all, imports_of
from codegen.proto.rules import MessageRules, message_rules
from stack.errors import StackError
from stack.fetch import go_programs
from stack.fetch.downloads import NetworkError
from tally.base.cache_folder import cache_folder
from tests_support.checkout import ROOT

Files = descriptor_pb2.FileDescriptorSet

_IN_PYTHON: Final = re.compile(r"AddSerializedFile\((b(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"))\)")
_IN_GO: Final = re.compile(r'_rawDesc = "" \+\n((?:\t"(?:\\.|[^"\\])*"(?: \+)?\n)+)')
_GO_TEXT: Final = re.compile(r'"((?:\\.|[^"\\])*)"')
_GO_ESCAPES: Final = {"n": b"\n", "t": b"\t", "r": b"\r", "a": b"\a", "b": b"\b", "f": b"\f", "v": b"\v"}
_GO_PIECE: Final = re.compile(r"\\x([0-9a-f]{2})|\\u([0-9a-f]{4})|\\U([0-9a-f]{8})|\\(.)|([^\\]+)", re.DOTALL)
_MODULES: Final = ROOT / "tests" / "foreign" / "modules"
"""The Go modules whose files are read, pinned."""

_PROTOVALIDATE: Final = "buf.build/go/protovalidate"
_PROTOBUF: Final = "google.golang.org/protobuf"
_COPIES: Final = "src/google/"
"""Of what grpcio-tools has."""

_DOWNLOAD_S: Final = 120


def texts_of(folder: Path) -> dict[str, str]:
    """Return the Protobuf files below a folder by import path."""
    return {path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob("*.proto"))}


def in_python(folder: Path) -> Files:
    """Return the files whose generated Python modules are below a folder; nothing is imported."""
    found = (_IN_PYTHON.search(path.read_text(encoding="utf-8")) for path in sorted(folder.rglob("*_pb2.py")))
    return in_order(_file(ast.literal_eval(each[1])) for each in found if each is not None)


def in_go(folder: Path) -> Files:
    """Return the files whose generated Go modules are below a folder."""
    texts = (path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.pb.go")))
    found = (_IN_GO.search(text) for text in texts if "_protoopaque" not in text)
    return in_order(_file(_go_bytes(each[1])) for each in found if each is not None)


def _go_bytes(literals: str) -> bytes:
    pieces = _GO_PIECE.findall("".join(_GO_TEXT.findall(literals)))
    return b"".join(
        bytes([int(byte, 16)]) if byte
        else chr(int(short or long, 16)).encode() if short or long
        else _GO_ESCAPES.get(escape, escape.encode()) if escape
        else plain.encode()
        for byte, short, long, escape, plain in pieces
    )  # fmt: skip


def _file(serialized: bytes) -> descriptor_pb2.FileDescriptorProto:
    return descriptor_pb2.FileDescriptorProto.FromString(serialized)


def in_order(files: Iterable[descriptor_pb2.FileDescriptorProto]) -> Files:
    """Return files, each after what it imports; what is missing comes from the modules of this program."""
    by_name = {file.name: file for file in files}
    found = Files()
    done: set[str] = set()

    def add(name: str) -> None:
        if name not in done:
            done.add(name)
            file = by_name.get(name) or _installed(name)
            for each in imports_of(file):
                add(each)
            found.file.append(file)

    for name in by_name:
        add(name)
    return found


def _installed(name: str) -> descriptor_pb2.FileDescriptorProto:
    module: Any = __import__(name.removesuffix(".proto").replace("/", ".") + "_pb2", fromlist=["DESCRIPTOR"])
    return _file(module.DESCRIPTOR.serialized_pb)


def code(found: Files, own: list[str], package: str = "made") -> dict[str, str]:
    """Return the modules of files, after they were imported. Raises CodegenError for what is refused."""
    rules = message_rules(found, own)
    made = dict(stubs.generate(found, own, package))
    made["descriptors.py"] = served_files.module_text(found, own, "# made")
    if (pool := message_modules.pool_module(found, own, "# made")) is not None:
        made[message_modules.POOL_MODULE] = pool
    if rules:
        made["rules.py"] = Path(rules_runtime.__file__).read_text(encoding="utf-8")
        made |= rules_module.module_texts(rules, package, "# made")
    require_works(made, package, {})
    return made


def conformance_cases() -> Files:
    """Return protovalidate's own conformance messages; skips the test, with the reason, where they cannot be had."""
    return in_go(_module(_PROTOVALIDATE) / "internal" / "gen" / "buf" / "validate" / "conformance" / "cases")


def protobuf_tests() -> list[tuple[Files, list[str]]]:
    """Return the files that Protobuf's implementation in Go is tested with, in sets of files that fit together.

    They extend the options of the same messages under the same numbers. Skips the test, with the reason, where they
    cannot be had.
    """
    texts = texts_of(_module(_PROTOBUF))
    own = {name: text for name, text in texts.items() if not name.startswith(_COPIES)}
    files = {file.name: file for file in descriptors_of_all(own).file}
    sets: list[tuple[set[str], set[object]]] = []
    for name in own:
        needed = closure(files, [name])
        for names, known in sets:
            more = {each for file in needed - names for each in _defined(files[file])}
            if not more & known:
                names.update(needed)
                known.update(more)
                break
        else:
            sets.append((set(needed), {each for file in needed for each in _defined(files[file])}))
    return [
        (Files(file=[file for name, file in files.items() if name in names]), sorted(names & own.keys()))
        for names, _ in sets
    ]


def _defined(file: descriptor_pb2.FileDescriptorProto) -> Iterator[object]:
    """Yield the names of a file that no other one may have, and the numbers of its extensions."""
    waiting: list[tuple[str, Any]] = [(file.package, message) for message in file.message_type]
    yield from ((each.extendee, each.number) for each in file.extension)
    named: tuple[Any, ...] = (*file.enum_type, *file.service, *file.extension)
    yield from (f"{file.package}.{each.name}" for each in named)
    for stem, message in waiting:  # grows while it is walked
        yield f"{stem}.{message.name}"
        yield from ((each.extendee, each.number) for each in message.extension)
        waiting += [(f"{stem}.{message.name}", inner) for inner in message.nested_type]


def _module(name: str) -> Path:
    """Return the folder of a pinned Go module."""
    try:
        go = go_programs.go_for(_MODULES, cache_folder(), print)
    except (NetworkError, StackError) as error:
        pytest.skip(f"{name} cannot be downloaded: {error}")
    command = [str(go), "mod", "download", "-json", name]
    done = subprocess.run(command, cwd=_MODULES, capture_output=True, text=True, timeout=_DOWNLOAD_S, check=False)
    if done.returncode != 0:
        pytest.skip(f"{name} cannot be downloaded: {done.stdout[-300:]}{done.stderr[-300:]}")
    folder: Mapping[str, str] = json.loads(done.stdout)
    return Path(folder["Dir"])


def compiled(rules: Iterable[MessageRules]) -> Iterator[MessageRules]:
    """Yield the messages whose rules are all compiled."""
    return (each for each in rules if not each.reason)
