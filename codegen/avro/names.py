"""The Python names and types of a schema's types: classes, fields, enum members, annotations and defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from codegen.avro.schema import (
    Array,
    AvroFile,
    Enumeration,
    Field,
    Fixed,
    Logical,
    Map,
    Named,
    Primitive,
    Record,
    Type,
    Union,
    python_name,
)
from codegen.errors import ContractError
from codegen.text import snake

CLASS_ATTRIBUTES: Final = frozenset(
    {"SCHEMA", "FULL_NAME", "FINGERPRINT", "WIDTH", "encode", "decode", "column_dtype", "self", "cls"}
)
_ENUM_ATTRIBUTES: Final = frozenset(dir(str)) | {"code", "of_code", "name", "value", "mro"}
_BUILTINS: Final = frozenset({"bool", "bytes", "dict", "float", "int", "str", "tuple"})
_LOGICAL_TYPES: Final[Mapping[str, str]] = {
    "decimal": "_decimal.Decimal",
    "uuid": "_uuid.UUID",
    "date": "_datetime.date",
    "time-millis": "_datetime.time",
    "time-micros": "_datetime.time",
    "timestamp-millis": "_datetime.datetime",
    "timestamp-micros": "_datetime.datetime",
    "local-timestamp-millis": "_datetime.datetime",
    "local-timestamp-micros": "_datetime.datetime",
}
_PRIMITIVE_TYPES: Final[Mapping[str, str]] = {
    "null": "None",
    "boolean": "bool",
    "int": "int",
    "long": "int",
    "float": "float",
    "double": "float",
    "bytes": "bytes",
    "string": "str",
}


@dataclass(frozen=True)
class Names:
    """The Python names of one schema file's named types, by full Avro name."""

    schema: AvroFile
    classes: Mapping[str, str]

    def function(self, full_name: str) -> str:
        """Return the snake-case form of a class's name, for its reader and writer."""
        return snake(self.classes[full_name])

    def constant(self, full_name: str) -> str:
        """Return the upper-case form of a class's name, for its tables."""
        return snake(self.classes[full_name]).upper()

    def annotation(self, kind: Type, builtins: str = "") -> str:  # noqa: PLR0911 - one return a case reads best
        """Return the Python type of a value; ``builtins`` is a prefix for the names of built-in types."""
        match kind:
            case Primitive(_, Logical(name)):
                return _LOGICAL_TYPES[name]
            case Primitive(name):
                return _PRIMITIVE_TYPES[name] if name == "null" else builtins + _PRIMITIVE_TYPES[name]
            case Array(items):
                return f"{builtins}tuple[{self.annotation(items, builtins)}, ...]"
            case Map(values):
                return f"{builtins}dict[{builtins}str, {self.annotation(values, builtins)}]"
            case Union(branches):
                kinds = [self.annotation(branch, builtins) for branch in branches]
                return " | ".join(sorted(kinds, key=lambda text: text == "None"))
            case Named(name):
                definition = self.schema.named[name]
                if not isinstance(definition, Fixed):
                    return self.classes[name]
                return _LOGICAL_TYPES[definition.logical.name] if definition.logical else f"{builtins}bytes"

    def prefix(self, record: Record) -> str:
        """Return the prefix that built-in types need in a record that has a field of such a name."""
        return "_builtins." if any(field.name in _BUILTINS for field in record.fields) else ""

    def default(self, field: Field) -> str | None:
        """Return the Python text of a field's default, or None when it has none that Python can share safely."""
        return _default_text(field.type, field.default, self) if field.has_default else None


def names_of(schema: AvroFile) -> Names:
    """Return the names of a schema's types. Raises ContractError when two would be one in Python."""
    classes: dict[str, str] = {}
    for full in schema.named:
        short = python_name(full.rpartition(".")[2], frozenset({"None", "True", "False"}))
        for other, taken in classes.items():
            if snake(taken) == snake(short):
                raise ContractError(
                    schema.file, full, f"has the same Python name as {other}; rename one of them", rule="python-name"
                )
        classes[full] = short
    for definition in schema.named.values():
        if isinstance(definition, Record):
            _check_fields(schema, definition)
    return Names(schema, classes)


def _check_fields(schema: AvroFile, record: Record) -> None:
    taken: dict[str, str] = {}
    for field in record.fields:
        name = field_name(field)
        if name.startswith("_"):
            raise ContractError(
                schema.file, f"{field.path}.name", "must not start with _: it would be private", rule="python-name"
            )
        if name in taken:
            raise ContractError(
                schema.file, f"{field.path}.name", f"is {name} in Python, as {taken[name]!r} is", rule="python-name"
            )
        taken[name] = field.name


def field_name(field: Field) -> str:
    """Return the attribute of a field."""
    return python_name(field.name, CLASS_ATTRIBUTES)


def member_name(symbol: str) -> str:
    """Return the enum member of a symbol."""
    return python_name(symbol, _ENUM_ATTRIBUTES)


def _default_text(kind: Type, value: Any, names: Names) -> str | None:  # noqa: PLR0911 - one return a case reads best
    match kind:
        case Union(branches):
            # The specification: a default belongs to the first branch; newer ones allow any. None is the usual case.
            return "None" if value is None and Primitive("null") in branches else None
        case Primitive("boolean" | "int" | "long" | "string", None) if isinstance(value, bool | int | str):
            return repr(value)
        case Primitive("float" | "double") if isinstance(value, int | float):
            return repr(float(value))
        case Array() if value == []:
            return "()"
        case Named(name):
            definition = names.schema.named[name]
            if isinstance(definition, Enumeration) and value in definition.symbols:
                return f"{names.classes[name]}.{member_name(value)}"
            return None
        case _:
            return None
