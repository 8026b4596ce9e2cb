"""The contracts' folder as values, and generated trees: read, compare, replace."""

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from codegen import avro_schema, topics
from codegen.avro_schema import AvroFile
from codegen.errors import CodegenError, ContractError
from codegen.topics import Topic

CACHE_FOLDER = "__pycache__"


@dataclass(frozen=True)
class Contracts:
    """Everything under contract: Protobuf file names, Avro files by path, topics; paths are below ``root``."""

    root: Path
    proto: tuple[str, ...]
    avro: Mapping[str, AvroFile]
    topics: tuple[Topic, ...]

    @property
    def proto_dir(self) -> Path:
        """The folder that Protobuf imports start from."""
        return self.root / "proto"


def read(root: Path) -> Contracts:
    """Return the contracts below a folder. Raises ContractError for the first file that is wrong."""
    if not root.is_dir():
        raise CodegenError(f"{root} is not a folder; name the contracts' folder with --contracts")
    proto = tuple(_below(root / "proto", "*.proto"))
    avro = {
        f"avro/{name}": avro_schema.parse(f"avro/{name}", _text(root / "avro" / name))
        for name in _below(root / "avro", "*.avsc")
    }
    found = tuple(
        topics.parse(f"topics/{name}", _text(root / "topics" / name)) for name in _below(root / "topics", "*.yaml")
    )
    if not proto and not avro:
        raise CodegenError(f"{root} holds no contracts: neither proto/**/*.proto nor avro/*.avsc is there")
    for misnamed in _below(root / "topics", "*.yml"):
        raise ContractError(f"topics/{misnamed}", "", "topics end in .yaml")
    names = [topic.name for topic in found]
    for topic in found:
        if names.count(topic.name) > 1:
            raise ContractError(topic.file, "topic", f"{topic.name!r} is described in more than one file")
        if topic.schema not in avro:
            raise ContractError(
                topic.file, "value.schema", f"{topic.schema!r} is not there; there are {', '.join(avro) or 'none'}"
            )
    return Contracts(root, proto, avro, tuple(sorted(found, key=lambda topic: topic.name)))


def _below(folder: Path, pattern: str) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(pattern) if path.is_file())


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(path.name, "", f"cannot be read: {error}") from error


def files_of(folder: Path) -> dict[str, str]:
    """Return the texts of a generated tree by path."""
    if not folder.is_dir():
        return {}
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().decode("utf-8", errors="surrogateescape")
        for path in sorted(folder.rglob("*"))
        if path.is_file() and CACHE_FOLDER not in path.parts
    }


def differences(wanted: Mapping[str, str], actual: Mapping[str, str]) -> list[str]:
    """Return a line for each file that is missing, foreign or other than wanted."""
    lines = []
    for name in sorted(wanted.keys() | actual.keys()):
        if name not in actual:
            lines.append(f"{name} is missing")
        elif name not in wanted:
            lines.append(f"{name} is not generated from any contract")
        elif wanted[name] != actual[name]:
            lines.append(f"{name} differs")
    return lines


def replace(folder: Path, wanted: Mapping[str, str]) -> list[str]:
    """Make a generated folder hold exactly ``wanted`` and return what differed.

    Files are written beside it and moved over, so that a reader sees each file whole, old or new.
    """
    actual = files_of(folder)
    changed = differences(wanted, actual)
    for name in sorted(wanted):
        if actual.get(name) != wanted[name]:
            _write(folder / name, wanted[name])
    for name in sorted(actual.keys() - wanted.keys()):
        (folder / name).unlink()
    _drop_empty(folder, wanted)
    return changed


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".codegen-")
    with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
        file.write(text)
    Path(temporary).chmod(0o644)
    Path(temporary).replace(path)


def _drop_empty(folder: Path, wanted: Mapping[str, str]) -> None:
    """Remove folders that hold nothing generated any more, caches of Python included."""
    kept = {parent.as_posix() for name in wanted for parent in Path(name).parents}
    for path in sorted((p for p in folder.rglob("*") if p.is_dir()), reverse=True):
        relative = path.relative_to(folder)
        if path.name != CACHE_FOLDER and CACHE_FOLDER not in relative.parts and relative.as_posix() not in kept:
            shutil.rmtree(path)
