"""How wide Avro types are in bytes: bounds for hostile counts, and the column layout of records that have one."""

from collections.abc import Mapping
from dataclasses import dataclass

from codegen.avro.schema import (
    Array,
    AvroFile,
    Definition,
    Enumeration,
    Fixed,
    Logical,
    Map,
    Named,
    Primitive,
    Record,
    Type,
    Union,
)

_PRIMITIVE_MIN = {"null": 0, "float": 4, "double": 8}
_STRUCT = {"float": ("f", 4), "double": ("d", 8)}

TIMESTAMP_WIDTHS = {"timestamp-micros": 8, "timestamp-millis": 6}
"""The varint width of a moment of these years: 8 bytes from 1979 to 3111, 6 bytes from 1987 to 2039."""

_ONE_BYTE_SYMBOLS_MAX = 64


@dataclass(frozen=True)
class Column:
    """One field of a record as a numpy column: ``dtype`` is Python text; ``width`` bytes, or None when a keyword
    argument gives it, with ``width_default``; ``constant`` when the width is the same in every valid record."""

    name: str
    dtype: str
    width: int | None
    width_default: int
    constant: bool


def min_width(kind: Type, named: Mapping[str, Definition], known: dict[str, int]) -> int:
    """Return a lower bound of a value's bytes. ``known`` collects those of records.

    It ends: a record that holds its own kind does so in a union, an array or a map, which have a byte of their own.
    """
    match kind:
        case Primitive(name):
            return _PRIMITIVE_MIN.get(name, 1)
        case Array() | Map() | Union():
            return 1
        case Named(name):
            definition = named[name]
            if isinstance(definition, Fixed):
                return definition.size
            if isinstance(definition, Enumeration):
                return 1
            if name not in known:
                known[name] = sum(min_width(field.type, named, known) for field in definition.fields)
            return known[name]


def struct_code(kind: Type, named: Mapping[str, Definition]) -> tuple[str, int] | None:
    """Return (struct format, bytes) of a type with a constant layout that ``struct`` reads, else None."""
    match kind:
        case Primitive(name):
            return _STRUCT.get(name)
        case Named(name):
            definition = named[name]
            return (f"{definition.size}s", definition.size) if isinstance(definition, Fixed) else None
        case _:
            return None


def columns(record: Record, schema: AvroFile) -> tuple[Column, ...] | None:
    """Return the record's columns, or None when a field has no place in a row of equal widths."""
    found = [_column(field.name, field.type, schema.named) for field in record.fields]
    return None if not found or any(column is None for column in found) else tuple(c for c in found if c is not None)


def _column(name: str, kind: Type, named: Mapping[str, Definition]) -> Column | None:
    match kind:
        case Primitive("int" | "long", logical):
            default = TIMESTAMP_WIDTHS.get(logical.name, 1) if logical else 1
            return Column(name, "", None, default, constant=logical is not None and logical.name == "timestamp-micros")
        case Primitive("boolean"):
            return Column(name, '"u1"', 1, 1, constant=True)
        case Primitive("string" | "bytes"):
            return Column(name, '"u1"', 1, 1, constant=False)
        case Primitive("float" | "double" as number):
            width = 4 if number == "float" else 8
            return Column(name, f'"<f{width}"', width, width, constant=True)
        case Named(full):
            return _named_column(name, named[full])
        case _:
            return None


def _named_column(name: str, definition: Definition) -> Column | None:
    if isinstance(definition, Fixed):
        return Column(name, f'"u1", ({definition.size},)', definition.size, definition.size, constant=True)
    if isinstance(definition, Enumeration) and len(definition.symbols) <= _ONE_BYTE_SYMBOLS_MAX:
        return Column(name, '"u1"', 1, 1, constant=True)
    return None


def parts(kind: Type) -> list[Type]:
    """Return a type and all types inside it, without following names."""
    found = [kind]
    for part in found:  # grows while it is walked
        match part:
            case Array(items):
                found.append(items)
            case Map(values):
                found.append(values)
            case Union(branches):
                found.extend(branches)
            case _:
                pass
    return found


def logicals(schema: AvroFile) -> list[Logical]:
    """Return the logical types of a schema, one as often as it is there."""
    kinds = [schema.top]
    found: list[Logical | None] = []
    for definition in schema.named.values():
        if isinstance(definition, Record):
            kinds += [field.type for field in definition.fields]
        elif isinstance(definition, Fixed):
            found.append(definition.logical)
    found += [part.logical for kind in kinds for part in parts(kind) if isinstance(part, Primitive)]
    return [logical for logical in found if logical is not None]


def reachable_records(kind: Type, named: Mapping[str, Definition]) -> frozenset[str]:
    """Return the full names of all records that a value of this type can hold, itself included."""
    found: set[str] = set()
    waiting = parts(kind)
    for part in waiting:  # grows while it is walked
        definition = named[part.name] if isinstance(part, Named) else None
        if isinstance(definition, Record) and definition.name not in found:
            found.add(definition.name)
            for field in definition.fields:
                waiting.extend(parts(field.type))
    return frozenset(found)
