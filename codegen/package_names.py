"""The dotted names that programs import generated code by."""

import keyword
from pathlib import Path

from codegen.errors import CodegenError


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
