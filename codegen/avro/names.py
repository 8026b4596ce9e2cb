"""The Python names and types of a schema's types: classes, fields, enum members and annotations.

One rule, ``python_names``, renames what Python cannot take as it is. Whatever it returns begins with a letter, so a
name of the generated code that begins with ``_`` is never a user's.
"""

import keyword
from collections.abc import Mapping
from typing import Final

from codegen.avro.layout import min_width, reachable_records
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

_CODEC: Final = frozenset({"SCHEMA", "FULL_NAME", "FINGERPRINT", "encode", "decode", "to_framed", "from_framed"})
_OF_CLASSES: Final = _CODEC | {"WIDTH", "column_dtype", "annotations"}
_OF_FIELDS: Final = _CODEC | {"WIDTH", "column_dtype", "self", "cls"}
_OF_MEMBERS: Final = frozenset(dir(str)) | {"code", "of_code", "name", "value", "mro"}
USED_BUILTINS: Final = frozenset(
    {
        "ArithmeticError", "AttributeError", "IndexError", "LookupError", "TypeError", "UnicodeDecodeError",
        "ValueError", "bool", "bytearray", "bytes", "classmethod", "dict", "enumerate", "float", "int", "isinstance",
        "len", "list", "map", "property", "range", "staticmethod", "str", "tuple", "type",
    }
)  # fmt: skip
"""The names of built-ins in generated code. Where a user's name hides one, all are taken from ``_builtins``."""
_LOGICAL_TYPES: Final[Mapping[str, str]] = {
    "decimal": "_decimal.Decimal",
    "big-decimal": "_decimal.Decimal",
    "uuid": "_uuid.UUID",
    "date": "_datetime.date",
    "duration": "_binary.Duration",
    "time-millis": "_datetime.time",
    "time-micros": "_datetime.time",
    "timestamp-millis": "_datetime.datetime",
    "timestamp-micros": "_datetime.datetime",
    "local-timestamp-millis": "_datetime.datetime",
    "local-timestamp-micros": "_datetime.datetime",
}
"""Of nanoseconds there is none: Python's own types have microseconds, and a number that is rounded is another one."""
_PRIMITIVE_TYPES: Final[Mapping[str, str]] = {
    "boolean": "bool",
    "int": "int",
    "long": "int",
    "float": "float",
    "double": "float",
    "bytes": "bytes",
    "string": "str",
}


def python_names(names: Mapping[str, str], reserved: frozenset[str]) -> dict[str, str]:
    """Return the Python name of each value of ``names``, by its key.

    A name stays as it is unless it is a keyword, is in ``reserved`` or begins with an underscore. Then the underscores
    at its ends go and one comes at its end; as many more as it takes to be unlike the others, the first of which wins.
    """
    found: dict[str, str] = {}
    taken: set[str] = set()
    for key, name in names.items():
        if not (name.startswith("_") or keyword.iskeyword(name) or name in reserved or name in taken):
            found[key] = name
            taken.add(name)
    for key, name in names.items():
        if key not in found:
            changed = f"{_from_a_letter(name.strip('_'))}_"
            while changed in reserved or changed in taken:
                changed += "_"
            found[key] = changed
            taken.add(changed)
    return {key: found[key] for key in names}


def _from_a_letter(name: str) -> str:
    return name if name[:1].isalpha() else f"x{name}"


class Names:
    """The Python names of one schema file: of its named types by full Avro name, of fields and symbols by those."""

    def __init__(self, schema: AvroFile) -> None:
        self.schema = schema
        # The top's name is what programs import, so it comes before another of the same short name.
        full = sorted(schema.named, key=lambda name: schema.definition is not schema.named[name])
        classes = python_names({name: name.rpartition(".")[2] for name in full}, _OF_CLASSES)
        self.classes: Mapping[str, str] = {name: classes[name] for name in schema.named}
        self.fields: Mapping[str, Mapping[str, str]] = {
            name: python_names({field.name: field.name for field in definition.fields}, _OF_FIELDS)
            for name, definition in schema.named.items()
            if isinstance(definition, Record)
        }
        self.members: Mapping[str, Mapping[str, str]] = {
            name: python_names({symbol: symbol for symbol in definition.symbols}, _OF_MEMBERS)
            for name, definition in schema.named.items()
            if isinstance(definition, Enumeration)
        }
        self.recursive: frozenset[str] = frozenset(
            name for name, definition in schema.named.items() if _holds_its_kind(definition, schema)
        )
        self._hidden = USED_BUILTINS & frozenset(self.classes.values())
        self._widths: dict[str, int] = {}

    def _scopes(self) -> list[Mapping[str, str]]:
        return [*self.fields.values(), *self.members.values()]

    def in_scope(self, full_name: str) -> frozenset[str]:
        """Return the names that the body of a type's class defines: in it they hide what is outside."""
        return frozenset((self.fields.get(full_name) or self.members.get(full_name) or {}).values())

    def builtins(self, scope: frozenset[str] = frozenset()) -> str:
        """Return what goes before the name of a built-in in a class body that defines the names of ``scope``."""
        return "_builtins." if self._hidden or USED_BUILTINS & scope else ""

    def reference(self, full_name: str, scope: frozenset[str] = frozenset()) -> str:
        """Return how a class is named in a class body that defines the names of ``scope``."""
        cls = self.classes[full_name]
        return f"_T_{cls}" if cls in scope else cls

    def aliases(self) -> frozenset[str]:
        """Return the classes that have a second, private name, since some class body hides their own."""
        hidden = {name for scope in self._scopes() for name in scope.values()}
        return frozenset(name for name, cls in self.classes.items() if cls in hidden)

    def width(self, kind: Type) -> int:
        """Return a lower bound of a value's bytes."""
        return min_width(kind, self.schema.named, self._widths)

    def annotation(self, kind: Type, scope: frozenset[str] = frozenset()) -> str:  # noqa: PLR0911 - one return a case reads best
        """Return the Python type of a value, in a class body that defines the names of ``scope``."""
        b = self.builtins(scope)
        match kind:
            case Primitive("null"):
                return "None"
            case Primitive(name, logical):
                return logical_type(logical) or b + _PRIMITIVE_TYPES[name]
            case Array(items):
                return f"{b}tuple[{self.annotation(items, scope)}, ...]"
            case Map(values):
                return f"{b}dict[{b}str, {self.annotation(values, scope)}]"
            case Union(branches):
                kinds = dict.fromkeys(self.annotation(branch, scope) for branch in branches)
                return " | ".join(sorted(kinds, key=lambda text: text == "None"))
            case Named(name):
                definition = self.schema.named[name]
                if isinstance(definition, Fixed):
                    return logical_type(definition.logical) or f"{b}bytes"
                return self.reference(name, scope)


def logical_type(logical: Logical | None) -> str | None:
    """Return the Python type of a logical type, None where values are those of the type below it."""
    return _LOGICAL_TYPES.get(logical.name) if logical else None


def _holds_its_kind(definition: Definition, schema: AvroFile) -> bool:
    return isinstance(definition, Record) and any(
        definition.name in reachable_records(field.type, schema.named) for field in definition.fields
    )
