"""Avro schemas as the resolution of one to another needs them: full names, and a type at each place it is used."""

import json as _json
from typing import Any, Final

from ._runtime import AvroDecodeError

PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
_LOGICAL: Final = {
    "bytes": {"decimal", "big-decimal"},
    "string": {"uuid"},
    "int": {"date", "time-millis"},
    "long": {"time-micros"}
    | {f"{kind}timestamp-{unit}" for kind in ("", "local-") for unit in ("millis", "micros", "nanos")},
    "fixed": {"decimal", "uuid", "duration"},
}
"""Others are ignored, as the specification says."""
_SIZES: Final = {"duration": 12, "uuid": 16}


class Type:
    """A type. ``parts`` are a union's branches, the item of an array or map, and the types of a record's fields."""

    def __init__(self, kind: str, name: str = "") -> None:
        self.kind = kind
        self.name = name
        self.aliases: frozenset[str] = frozenset()
        self.logical: tuple[Any, ...] = ()
        self.parts: list[Type] = []
        self.fields: list[dict[str, Any]] = []
        self.symbols: list[str] = []
        self.default: str | None = None
        self.size = 0
        self.takes_no_bytes = kind == "null"
        """Whether no value has a byte: of nulls, and of records of nothing else."""


def load(text: str) -> Type:
    """Return the type of a schema's JSON text. Raises AvroDecodeError."""
    if text.strip() in PRIMITIVES:  # as some registries hand out a bare primitive
        return Type(text.strip())
    try:
        return _Loader().type_of(_json.loads(text), "")
    except AvroDecodeError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise AvroDecodeError(f"the writer's schema is not an Avro schema: {type(error).__name__} {error}") from None


class _Loader:
    def __init__(self) -> None:
        self.named: dict[str, Type] = {}

    def type_of(self, tree: Any, namespace: str) -> Type:
        if isinstance(tree, str):
            return self._reference(tree, namespace)
        if isinstance(tree, list):
            union = Type("union")
            union.parts = [self.type_of(branch, namespace) for branch in tree]
            return union
        kind = tree["type"]
        if not isinstance(kind, str):
            return self.type_of(kind, namespace)
        if kind in {"record", "error", "enum", "fixed"}:
            return self._define("record" if kind == "error" else kind, tree, namespace)
        if kind in {"array", "map"}:
            found = Type(kind)
            found.parts = [self.type_of(tree["items" if kind == "array" else "values"], namespace)]
            return found
        found = self._reference(kind, namespace)
        if kind in PRIMITIVES:
            found.logical = _logical(tree, kind)
        return found

    def _reference(self, name: str, namespace: str) -> Type:
        if name in PRIMITIVES:
            return Type(name)
        found = self.named.get(full_name(name, namespace)) or self.named.get(name)
        if found is None:
            raise AvroDecodeError(f"the writer's schema names the type {name!r}, which it does not define")
        return found

    def _define(self, kind: str, tree: dict[str, Any], namespace: str) -> Type:
        found = Type(kind, full_name(tree["name"], tree.get("namespace", namespace) or ""))
        inner = found.name.rpartition(".")[0]
        found.aliases = frozenset(full_name(alias, inner) for alias in tree.get("aliases", ()))
        self.named[found.name] = found
        if kind == "enum":
            found.symbols, found.default = list(tree["symbols"]), tree.get("default")
        elif kind == "fixed":
            found.size = int(tree["size"])
            found.takes_no_bytes = found.size == 0
            found.logical = _logical(tree, kind, found.size)
        else:
            found.fields = list(tree["fields"])
            found.parts = [self.type_of(field["type"], inner) for field in found.fields]
            found.takes_no_bytes = all(part.takes_no_bytes for part in found.parts)
        return found


def full_name(name: str, namespace: str) -> str:
    """Return a type's name with its namespace."""
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _logical(tree: dict[str, Any], kind: str, size: int | None = None) -> tuple[Any, ...]:
    name = tree.get("logicalType")
    if not isinstance(name, str) or name not in _LOGICAL.get(kind, ()):
        return ()
    if size is not None and size != _SIZES.get(name, size):
        return ()
    if name != "decimal":
        return (name,)
    precision, scale = tree.get("precision"), tree.get("scale", 0)
    if type(precision) is not int or type(scale) is not int or not 0 <= scale <= precision or precision < 1:
        return ()
    return (name, precision, scale)


def equal(one: Type, other: Type, seen: set[tuple[int, int]]) -> bool:
    """Tell whether two types have the same values and bytes. ``seen`` holds pairs that are being compared."""
    if (id(one), id(other)) in seen:
        return True
    seen.add((id(one), id(other)))
    facts, others = (
        (each.kind, each.name, each.logical, each.symbols, each.size, [field["name"] for field in each.fields])
        for each in (one, other)
    )
    return (
        facts == others
        and len(one.parts) == len(other.parts)
        and all(equal(a, b, seen) for a, b in zip(one.parts, other.parts, strict=True))
    )
