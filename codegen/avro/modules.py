"""Python modules of schema files, whose names and folders stay as their authors want them."""

from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Final

from codegen.package_names import importable
from codegen.text import snake

RUNTIME: Final = Path(__file__).with_name("runtime")
"""The modules that generated code stands on; they go beside it."""


def runtime_files() -> list[Path]:
    """Return the files of the runtime, in order."""
    return sorted(RUNTIME.glob("_[a-z]*.py"))


def module_names(paths: Iterable[str]) -> dict[str, str]:
    """Return each schema file's module below the package of the Avro code: ``v1.order`` of ``avro/v1/Order.avsc``.

    A name is in snake_case, with _ for what no Python name holds. Where two would be one, the file that is called so
    keeps it, and the other has one more _ at its end, as a name has that Python or the runtime keeps for itself.
    """
    reserved = {file.stem for file in runtime_files()}
    plain = {path: _words(path, reserved) for path in sorted(paths)}
    found: dict[str, str] = {}
    taken = {(name,) for name in reserved} | {parts[:i] for parts in plain.values() for i in range(1, len(parts))}
    for path in sorted(plain, key=lambda path: (plain[path] != _parts(path), path)):
        *above, name = plain[path]
        while (*above, name) in taken:
            name += "_"
        taken.add((*above, name))
        found[path] = ".".join((*above, name))
    return {path: found[path] for path in plain}


def _words(path: str, reserved: set[str]) -> tuple[str, ...]:
    first, *rest = (_word(part) for part in _parts(path))
    return (f"{first}_" if rest and first in reserved else first, *rest)


def _parts(path: str) -> tuple[str, ...]:
    return PurePosixPath(path.removeprefix("avro/").removesuffix(".avsc")).parts


def _word(name: str) -> str:
    return importable(snake(name))
