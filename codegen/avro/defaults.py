"""Whether the defaults of a schema are values of their types; registries take any, and readers then fail."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from codegen.avro.schema import (
    Array,
    AvroFile,
    Definition,
    Enumeration,
    Field,
    Fixed,
    Map,
    Named,
    Primitive,
    Record,
    Type,
    Union,
)

_INTEGER_BITS: Final = {"int": 32, "long": 64}
_NESTING_MAX: Final = 64


def wrong_defaults(schema: AvroFile) -> Iterator[tuple[Field, str]]:
    """Yield every field of a schema whose default is not a value of its type, with what is wrong."""
    for definition in schema.named.values():
        for field in definition.fields if isinstance(definition, Record) else ():
            if field.has_default and (problem := default_problem(field.type, field.default, schema.named)) is not None:
                yield field, problem


def default_problem(kind: Type, value: Any, named: Mapping[str, Definition], depth: int = 0) -> str | None:  # noqa: PLR0911 - one return a case reads best
    """Return why a JSON value is not one of a type, or None when it is."""
    if depth > _NESTING_MAX:
        return f"nested deeper than {_NESTING_MAX} levels"
    match kind:
        case Union(branches):  # of any branch, as Avro says since 1.12
            problems = [default_problem(branch, value, named, depth + 1) for branch in branches]
            return None if None in problems else problems[0] if len(problems) == 1 else _of_no_branch(value)
        case Primitive(name):
            return None if _is_primitive(name, value) else f"{value!r} is not {_article(name)}"
        case Array(items):
            if not isinstance(value, list):
                return f"{value!r} is not a list"
            return _first(default_problem(items, item, named, depth + 1) for item in value)
        case Map(values):
            if not isinstance(value, dict):
                return f"{value!r} is not an object"
            return _first(default_problem(values, item, named, depth + 1) for item in value.values())
        case Named(name):
            return _named_problem(named[name], value, named, depth)


def _of_no_branch(value: Any) -> str:
    return f"{value!r:.60} is not a value of any branch of the union"


def _named_problem(definition: Definition, value: Any, named: Mapping[str, Definition], depth: int) -> str | None:
    match definition:
        case Enumeration(name, symbols):
            return None if value in symbols else f"{value!r} is not a symbol of {name}"
        case Fixed(name, size):
            fits = _is_primitive("bytes", value) and len(value) == size
            return None if fits else f"{value!r} is not a text of {size} characters for {name}"
        case Record(name, fields):
            if not isinstance(value, dict):
                return f"{value!r} is not an object for {name}"
            for field in fields:
                if field.name not in value and not field.has_default:
                    return f"the field {field.name} of {name} is missing"
            given = [(field.type, value[field.name]) for field in fields if field.name in value]
            return _first(default_problem(inner, item, named, depth + 1) for inner, item in given)


def _is_primitive(name: str, value: Any) -> bool:
    if name in _INTEGER_BITS:
        bound = 1 << (_INTEGER_BITS[name] - 1)
        return isinstance(value, int) and not isinstance(value, bool) and -bound <= value < bound
    if name in {"float", "double"}:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if name == "bytes":  # in JSON a text of the characters 0 to 255
        return isinstance(value, str) and all(ord(character) < 256 for character in value)
    return value is None if name == "null" else isinstance(value, {"boolean": bool, "string": str}[name])


def _article(name: str) -> str:
    return name if name == "null" else f"an {name}" if name == "int" else f"a {name}"


def _first(problems: Iterator[str | None]) -> str | None:
    return next((problem for problem in problems if problem is not None), None)
