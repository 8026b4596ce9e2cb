"""Which Python packages a list of requirements brings, by what the metadata of the installed ones ask for.

The answer is that for Linux and the Python of the images, whatever runs here, so that each machine gives the same.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from stack.system import ROOT

REQUIREMENTS: Final = ROOT / "requirements"

_IMAGE: Final = {
    "implementation_name": "cpython",
    "implementation_version": "3.11.14",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "",
    "platform_system": "Linux",
    "platform_version": "",
    "python_full_version": "3.11.14",
    "python_version": "3.11",
    "sys_platform": "linux",
}
_PIN: Final = re.compile(r"^([a-z0-9-]+)(?:\[[^]]*\])?==([^\s;\\]+)(?: ; ([^\\\n]+))?", re.MULTILINE)


def requirements_of(file: Path) -> Iterator[Requirement]:
    """Yield what a file of requirements names, and the files that it includes."""
    for line in file.read_text(encoding="utf-8").splitlines():
        entry = line.partition("#")[0].strip()
        if entry.startswith("-r "):
            yield from requirements_of(file.parent / entry.removeprefix("-r "))
        elif entry:
            yield Requirement(entry)


def pinned(file: Path) -> dict[str, str]:
    """Return the version of each package that a compiled file installs in an image."""
    found = _PIN.findall(file.read_text(encoding="utf-8"))
    return {
        name: version for name, version, marker in found if _applies(Requirement(f"x; {marker}" if marker else "x"))
    }


def brought(roots: Iterable[Requirement]) -> Mapping[str, tuple[str, ...]]:
    """Return the name of each package that these requirements bring, with the names of what it asks for itself."""
    needs: dict[str, set[str]] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    waiting = [_wanted(each) for each in roots if _applies(each)]
    while waiting:
        name, extras = wanted = waiting.pop()
        if wanted in seen:
            continue
        seen.add(wanted)
        below = [each for each in _asked(name) if any(_applies(each, extra) for extra in ("", *extras))]
        needs.setdefault(name, set()).update(canonicalize_name(each.name) for each in below)
        waiting += map(_wanted, below)
    return {name: tuple(sorted(each - {name})) for name, each in sorted(needs.items())}


def named(roots: Iterable[Requirement]) -> set[str]:
    """Return the names that requirements ask for themselves."""
    return {_wanted(each)[0] for each in roots if _applies(each)}


def licence_words(name: str) -> list[str]:
    """Return all that a package's metadata says of its licence, the clearest first; none when it is not installed."""
    try:
        said = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return []
    fields: list[str] = [*said.get_all("License-Expression", []), *said.get_all("License", [])]
    firsts = [each.strip().partition("\n")[0] for each in fields]
    classifiers = [each for each in said.get_all("Classifier", []) if each.startswith("License :: ")]
    return [each for each in [*firsts, *classifiers] if each]


def _wanted(requirement: Requirement) -> tuple[str, frozenset[str]]:
    return canonicalize_name(requirement.name), frozenset(requirement.extras)


def _asked(name: str) -> list[Requirement]:
    """Return what a package asks for. One that is left out on this Python asks for nothing more; a test knows them."""
    try:
        return [Requirement(each) for each in metadata.requires(name) or ()]
    except metadata.PackageNotFoundError:
        return []


def _applies(requirement: Requirement, extra: str = "") -> bool:
    return requirement.marker is None or requirement.marker.evaluate({**_IMAGE, "extra": extra})
