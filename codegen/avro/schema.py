"""Avro schemas as a closed union of frozen nodes.

``codegen.avro.parse`` is the only way in. Named types are shared nodes in ``AvroFile.named``; a place that uses one
holds a ``Named`` with its full name, so that recursive records need no cycles of objects.
"""

import keyword
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Logical:
    """A logical type; precision and scale only for ``decimal``."""

    name: str
    precision: int = 0
    scale: int = 0


@dataclass(frozen=True)
class Primitive:
    kind: str
    logical: Logical | None = None


@dataclass(frozen=True)
class Fixed:
    name: str
    size: int
    logical: Logical | None
    doc: str


@dataclass(frozen=True)
class Enumeration:
    """``default`` is the symbol that readers take for one they do not know."""

    name: str
    symbols: tuple[str, ...]
    doc: str
    default: str | None = None


@dataclass(frozen=True)
class Array:
    items: "Type"


@dataclass(frozen=True)
class Map:
    values: "Type"


@dataclass(frozen=True)
class Union:
    branches: tuple["Type", ...]


@dataclass(frozen=True)
class Named:
    """A use of the record, enum or fixed with this full name."""

    name: str


@dataclass(frozen=True)
class Field:
    """A field of a record. ``default`` is the JSON value when ``has_default``."""

    name: str
    type: "Type"
    doc: str
    has_default: bool
    default: Any
    path: str


@dataclass(frozen=True)
class Record:
    name: str
    fields: tuple[Field, ...]
    doc: str


Type = Primitive | Array | Map | Union | Named
Definition = Record | Enumeration | Fixed


@dataclass(frozen=True)
class AvroFile:
    """One ``.avsc``: its top record, every named type by full name in the order of definition, and its text."""

    file: str
    top: Record
    named: Mapping[str, Definition]
    text: str
    """The schema as compact JSON, keys in the author's order: what is registered."""
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
    """The line in the author's file of each value by its JSON path, for messages."""


def python_name(name: str, taken: frozenset[str]) -> str:
    """Return a name that Python takes: keywords and names in ``taken`` get an underscore at the end."""
    return f"{name}_" if keyword.iskeyword(name) or name in taken else name
