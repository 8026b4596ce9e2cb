"""The dotted names that programs import generated code by, and how other names become such."""

import keyword
import re
from pathlib import Path
from typing import Final

from codegen.errors import CodegenError

_PYTHONS: Final = frozenset({"__init__", "__pycache__"})


def importable(name: str) -> str:
    """Return a name as Python takes it for a module: _ for what no name holds, before a digit, and after a keyword."""
    word = re.sub(r"[^A-Za-z0-9_]", "_", name) or "_"
    return f"_{word}" if word[0].isdigit() else f"{word}_" if keyword.iskeyword(word) or word in _PYTHONS else word


def module_of_proto(file: str) -> str:
    """Return the module of a Protobuf file, without _pb2: ``shop.class_.a_b`` of ``shop/class/a-b.proto``.

    As for protoc, a point in a name begins a part of it.
    """
    *folders, name = file.removesuffix(".proto").replace(".", "/").split("/")
    last = importable(f"{name}_pb2").removesuffix("_pb2")  # as it is in the end: no keyword
    return ".".join((*map(importable, folders), last))


def package_of(folder: Path, base: Path) -> str:
    """Return the dotted name of an output folder as Python sees it from ``base``. Raises CodegenError."""
    try:
        parts = folder.resolve().relative_to(base.resolve()).parts
    except ValueError:
        parts = (folder.name,)
    return checked_package(".".join(parts))


def checked_package(name: str) -> str:
    """Return a dotted name. Raises CodegenError when Python cannot import by it."""
    parts = name.split(".")
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise CodegenError(f"{name!r} cannot be a Python package; give one with --package, for example my.contracts")
    return name
