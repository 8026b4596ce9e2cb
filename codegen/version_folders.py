"""Versions of one contract in files: ``order/v1/order.avsc`` and ``order/v2/order.avsc`` are one history.

A layout says so by itself where files define a record of the same full name and their paths differ in nothing but one
folder, called by a number or by v and a number. Elsewhere codegen.yaml says it, with a * in place of the number. The
highest number is the contract as it is; the others were released before it.
"""

import glob
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

Numbered = tuple[tuple[int, str], ...]
"""(number, path) of versions, the oldest first."""

_FOLDER: Final = re.compile(r"([vV]?)(\d{1,9})")
_NUMBER: Final = re.compile(r"[1-9]\d{0,8}")


def by_layout(tops: Mapping[str, str]) -> dict[str, Numbered]:
    """Return the versions among which each file is, by its path; files that stand alone are left out.

    ``tops`` are the full names of what the files define, by path, empty for a type without a name.
    """
    alike: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for path, name in tops.items():
        if name and (place := _place(path)) is not None:
            pattern, number = place
            alike.setdefault((name, pattern), []).append((number, path))
    found: dict[str, Numbered] = {}
    for versions in alike.values():
        if len(versions) > 1:
            found |= dict.fromkeys((path for _, path in versions), tuple(sorted(versions)))
    return found


def _place(path: str) -> tuple[str, int] | None:
    """Return (the path without the number of its folder, the number), None where no folder or several have one."""
    parts = path.split("/")
    numbered = [(i, match) for i, part in enumerate(parts[:-1]) if (match := _FOLDER.fullmatch(part))]
    if len(numbered) != 1:
        return None
    ((place, match),) = numbered
    if not _NUMBER.fullmatch(match[2]):
        return None
    parts[place] = f"{match[1]}*"
    return "/".join(parts), int(match[2])


def subject_of(path: str, name: str) -> str:
    """Return the subject of a file that nobody names: its type's full name, or its path for a type without a name."""
    return name or path.removeprefix("avro/").removesuffix(".avsc")


def matching(root: Path, pattern: str) -> Numbered:
    """Return the files below a folder that ``pattern`` means: its one * stands for the number of a version."""
    before, _, after = pattern.partition("*")
    paths = (path.relative_to(root).as_posix() for path in root.glob(f"{glob.escape(before)}*{glob.escape(after)}"))
    numbers = {path: path.removeprefix(before).removesuffix(after) for path in paths}
    return tuple(sorted((int(number), path) for path, number in numbers.items() if _NUMBER.fullmatch(number)))


def up_to(versions: Numbered, path: str) -> Numbered:
    """Return a file's version and those before it; nothing for a file that is none of them."""
    paths = [each for _, each in versions]
    return versions[: paths.index(path) + 1] if path in paths else ()
