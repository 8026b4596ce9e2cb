"""``codegen.yaml``, in the contracts' folder: what is not as codegen would have it by itself. It may be missing.

::

    out: ../src/shop/generated      # where generated code goes, from the contracts' folder
    package: shop.generated         # what programs import it by
    level: BACKWARD                 # the registry's global level; subjects without one of their own have it
    subjects:                       # which file stands under which subject
      orders-value:
        file: avro/order.avsc
        level: FULL                 # its own level; without it the global one holds
        references:                 # where they are not the newest version of the one file that defines the type
          shop.Address: address-value@1
      address-value:
        versions: avro/address/*.avsc   # instead of file: each is a version, by the number that * stands for
    grpc: both                      # stubs are typed for asyncio; both: for calls that block as well
    lint:                           # the rules that `codegen lint` keeps, see codegen.avro.rules
      avro: [names, docs]
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from codegen.errors import ContractError
from codegen.version_folders import Numbered, matching
from codegen.yaml_file import mapping_of

FILE: Final = "codegen.yaml"
LEVELS: Final = (
    "NONE",
    "BACKWARD",
    "BACKWARD_TRANSITIVE",
    "FORWARD",
    "FORWARD_TRANSITIVE",
    "FULL",
    "FULL_TRANSITIVE",
)
"""The compatibility levels that a registry knows."""

_KEYS: Final = ("out", "package", "level", "subjects", "lint", "grpc")
_GRPC: Final = ("asyncio", "both")
_SUBJECT_KEYS: Final = ("file", "versions", "level", "references")


@dataclass(frozen=True)
class SubjectEntry:
    """A subject of the table. ``level`` None: the global one holds. Where it has ``versions``, ``file`` is the newest.

    ``references`` say for each name that the schema refers to which SUBJECT, or SUBJECT@VERSION, it is.
    """

    file: str
    level: str | None = None
    references: Mapping[str, str] = field(default_factory=dict)
    versions: Numbered = ()


@dataclass(frozen=True)
class Project:
    """The file's content. ``level`` None: codegen gives every subject a level of its own."""

    out: str | None = None
    package: str | None = None
    level: str | None = None
    subjects: Mapping[str, SubjectEntry] = field(default_factory=dict)
    lint: Mapping[str, Any] = field(default_factory=dict)
    grpc: str = "asyncio"


def project_of(root: Path) -> Project:
    """Return what the file says, nothing without it. Raises ContractError naming the key and what is allowed."""
    path = root / FILE
    content = f"with nothing but {', '.join(_KEYS[:-1])} and {_KEYS[-1]}"
    tree = mapping_of(path, content)
    if not set(tree) <= set(_KEYS):
        raise ContractError(FILE, "", f"must be a mapping {content}")
    subjects = _mapping(tree, "subjects", "of subjects to their files")
    return Project(
        _text(tree, "out"),
        _text(tree, "package"),
        _level(tree, "level"),
        {str(name): _entry(root, f"subjects.{name}", entry) for name, entry in subjects.items()},
        _mapping(tree, "lint", "of lint's settings"),
        _grpc(tree),
    )


def _entry(root: Path, place: str, tree: Any) -> SubjectEntry:
    keys = f"{', '.join(_SUBJECT_KEYS[:-1])} and {_SUBJECT_KEYS[-1]}"
    if not isinstance(tree, dict) or not set(tree) <= set(_SUBJECT_KEYS):
        raise ContractError(FILE, place, f"must be a mapping with nothing but {keys}")
    versions = _versions(root, place, tree) if "versions" in tree else ()
    file = versions[-1][1] if versions else _text(tree, "file", place)
    if file is None or not file.startswith(("avro/", "proto/")):
        raise ContractError(FILE, f"{place}.file", f"is {file!r}; allowed is a file below avro/ or proto/")
    references = _mapping(tree, "references", "of names to subjects", place)
    return SubjectEntry(
        file,
        _level(tree, "level", place),
        {str(name): _text(references, name, f"{place}.references") or "" for name in references},
        versions,
    )


def _versions(root: Path, place: str, tree: Mapping[str, Any]) -> Numbered:
    pattern, name = _text(tree, "versions", place) or "", f"{place}.versions"
    if "file" in tree:
        raise ContractError(FILE, name, "stands beside file; give one of them, since the newest version is the file")
    right = pattern.startswith("avro/") and pattern.endswith(".avsc") and pattern.count("*") == 1
    if not right or ".." in pattern.split("/"):
        problem = "allowed is Avro files below avro/ with one * for the number, for example avro/order/v*/order.avsc"
        raise ContractError(FILE, name, f"is {pattern!r}; {problem}")
    versions = matching(root, pattern)
    numbers = [number for number, _ in versions]
    if len(set(numbers)) < len(versions) or not versions:
        files = ", ".join(path for number, path in versions if numbers.count(number) > 1)
        problem = f"the same number have {files}" if files else "no file has a number, such as 1, in place of the *"
        raise ContractError(FILE, name, f"is {pattern!r}; {problem}")
    return versions


def _mapping(tree: Mapping[str, Any], key: str, content: str, place: str = "") -> dict[str, Any]:
    value = tree.get(key) or {}
    if not isinstance(value, dict):
        raise ContractError(FILE, _name(place, key), f"is {value!r}; allowed is a mapping {content}")
    return value


def _text(tree: Mapping[str, Any], key: str, place: str = "") -> str | None:
    if key not in tree:
        return None
    value = tree[key]
    if not isinstance(value, str) or not value.strip():
        raise ContractError(FILE, _name(place, key), f"is {value!r}; allowed is a text that is not empty")
    return value


def _level(tree: Mapping[str, Any], key: str, place: str = "") -> str | None:
    value = _text(tree, key, place)
    if value is not None and value not in LEVELS:
        raise ContractError(FILE, _name(place, key), f"is {value!r}; allowed is {', '.join(LEVELS)}")
    return value


def _grpc(tree: Mapping[str, Any]) -> str:
    value = _text(tree, "grpc") or _GRPC[0]
    if value not in _GRPC:
        raise ContractError(FILE, "grpc", f"is {value!r}; allowed are {' and '.join(_GRPC)}")
    return value


def _name(place: str, key: str) -> str:
    return f"{place}.{key}" if place else key
