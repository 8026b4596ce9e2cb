"""The default of a schema's field as the default of the class's field."""

import math
from collections.abc import Callable
from typing import Any

from codegen.avro.defaults import default_problem
from codegen.avro.names import Names
from codegen.avro.read import MICROS_EACH
from codegen.avro.runtime import _binary, _logical
from codegen.avro.schema import Array, Enumeration, Field, Fixed, Logical, Map, Named, Primitive, Record, Type, Union


def default_code(field: Field, names: Names, scope: frozenset[str]) -> str | None:
    """Return the Python of a field's default, or None where it has none that is a value of its type.

    ``scope`` holds the names of the class body in which it stands. What could be changed is made anew for each record.
    """
    if not field.has_default or default_problem(field.type, field.default, names.schema.named) is not None:
        return None
    code = _Code(names, scope)
    text = code.of(field.type, field.default)
    if text is None or not code.mutable:
        return text
    return f"_msgspec.field(default_factory=lambda: {_Code(names, frozenset()).of(field.type, field.default)})"


class _Code:
    """Python expressions of JSON values that are known to be of their types."""

    def __init__(self, names: Names, scope: frozenset[str]) -> None:
        self.names = names
        self.scope = scope
        self.mutable = False

    def of(self, kind: Type, value: Any) -> str | None:
        """Return the expression, or None for a value that Python's type does not hold."""
        match kind:
            case Union(branches):
                named = self.names.schema.named
                branch = next(branch for branch in branches if default_problem(branch, value, named) is None)
                return self.of(branch, value)
            case Primitive(name, logical):
                return _primitive(name, logical, value)
            case Array(items):
                parts = self._all(items, value)
                return None if parts is None else f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"
            case Map(values):
                self.mutable = True
                parts = self._all(values, value.values())
                if parts is None:
                    return None
                return f"{{{', '.join(f'{key!r}: {part}' for key, part in zip(value, parts, strict=True))}}}"
            case Named(name):
                return self._named(name, value)

    def _all(self, kind: Type, values: Any) -> list[str] | None:
        parts = [self.of(kind, item) for item in values]
        return None if None in parts else [part for part in parts if part is not None]

    def _named(self, name: str, value: Any) -> str | None:
        match self.names.schema.named[name]:
            case Enumeration():
                return f"{self.names.reference(name, self.scope)}.{self.names.members[name][value]}"
            case Fixed(_, _, logical):
                return _bytes(logical, value)
            case Record(_, fields):
                self.mutable = True
                given = {field.name: self.of(field.type, value[field.name]) for field in fields if field.name in value}
                if None in given.values():
                    return None
                python = self.names.fields[name]
                arguments = ", ".join(f"{python[field]}={text}" for field, text in given.items())
                return f"{self.names.reference(name, self.scope)}({arguments})"


def _primitive(name: str, logical: Logical | None, value: Any) -> str | None:
    match name:
        case "float" | "double":
            try:
                return repr(float(value)) if math.isfinite(float(value)) else None
            except OverflowError:
                return None
        case "bytes":
            return _bytes(logical, value)
        case "int" | "long" if logical is not None:
            return _moment(logical, value)
        case "string" if logical is not None:
            return _checked(lambda: f"_uuid.UUID({str(_logical.uuid_of(value))!r})")
        case _:
            return repr(value)


def _moment(logical: Logical, value: int) -> str | None:
    name, _, unit = logical.name.rpartition("-")
    if logical.name == "date":
        return _checked(lambda: f"_{_logical.date_of(value)!r}")
    if unit not in MICROS_EACH:
        return repr(value)
    function, each = f"{name.replace('-', '_')}_of", MICROS_EACH[unit]
    return _checked(lambda: getattr(_logical, function)(value, each), f"_logical.{function}({value}, {each})")


def _bytes(logical: Logical | None, value: str) -> str | None:
    """Return the expression of bytes, which JSON has as a text of the characters 0 to 255."""
    raw = value.encode("latin-1")
    match logical:
        case None:
            return repr(raw)
        case Logical("decimal", precision, scale):
            unscaled = int.from_bytes(raw, "big", signed=True)
            return f'_decimal.Decimal("{unscaled}E-{scale}")' if abs(unscaled) < 10**precision else None
        case Logical("uuid"):
            return _checked(lambda: f"_uuid.UUID({str(_logical.uuid_of_bytes(raw))!r})")
        case Logical("duration"):
            return _checked(lambda: _binary.duration_of(raw), f"_binary.duration_of({raw!r})")
        case _:
            return _checked(lambda: f'_decimal.Decimal("{_logical.big_decimal_of(raw)}")')


def _checked(make: Callable[[], object], text: str | None = None) -> str | None:
    """Return ``text``, or what ``make`` returns; None where Python's type does not hold the value."""
    try:
        made = make()
    except ValueError:
        return None
    return str(made) if text is None else text
