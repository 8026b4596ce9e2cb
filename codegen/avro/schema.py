"""Avro schemas as a closed union of frozen nodes.

``codegen.avro.parse`` is the only way in. Named types are shared nodes in ``AvroFile.named``; a place that uses one
holds a ``Named`` with its full name, so that recursive records need no cycles of objects. The aliases of a type are
full names, those of a field the names that it had.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codegen.errors import ContractError


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
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Enumeration:
    """``default`` is the symbol that readers take for one they do not know."""

    name: str
    symbols: tuple[str, ...]
    doc: str
    default: str | None = None
    aliases: tuple[str, ...] = ()


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
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Record:
    name: str
    fields: tuple[Field, ...]
    doc: str
    aliases: tuple[str, ...] = ()
    error: bool = False


Type = Primitive | Array | Map | Union | Named
Definition = Record | Enumeration | Fixed


@dataclass(frozen=True)
class AvroFile:
    """One ``.avsc``: the type of its values, every named type by full name in the order of definition, and its text."""

    file: str
    top: Type
    named: Mapping[str, Definition]
    text: str
    """The schema as compact JSON, keys in the author's order: what is registered."""
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
    """The line in the author's file of each value by its JSON path, for messages."""
    own_text: str = ""
    """What is registered where it refers to types of other files; ``text`` is the whole then."""
    imports: tuple[tuple[str, str], ...] = ()
    """(name, text) of the schemas that it needs for that."""
    uses: Mapping[str, str] = field(default_factory=dict)
    """The file that each type stands in to which it refers directly, by full name."""
    notes: tuple[ContractError, ...] = field(default=(), compare=False, repr=False)
    """What stands there and is ignored, as the specification says."""

    @property
    def name(self) -> str:
        """The full name of the top type; of one without a name its kind, such as ``string`` or ``union``."""
        match self.top:
            case Named(name) | Primitive(name):
                return name
            case other:
                return type(other).__name__.lower()

    @property
    def full_name(self) -> str:
        """The full name of the top type, empty for one without a name."""
        return self.name if self.definition is not None else ""

    @property
    def definition(self) -> Definition | None:
        """The definition of the top type, None for one without a name."""
        return self.named[self.top.name] if isinstance(self.top, Named) else None
