"""Reads Avro schemas strictly: what is wrong or not understood is refused with its JSON path and what is allowed."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from codegen.avro.schema import (
    Array,
    AvroFile,
    Definition,
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
)
from codegen.errors import ContractError
from codegen.json_places import line_at, lines_of
from tally.base.fingerprint import NESTING_MAX, PRIMITIVES, full_name

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FULL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")

LOGICAL: Final[Mapping[str, frozenset[str]]] = {
    "bytes": frozenset({"decimal"}),
    "string": frozenset({"uuid"}),
    "int": frozenset({"date", "time-millis"}),
    "long": frozenset(
        {"time-micros", "timestamp-millis", "timestamp-micros", "local-timestamp-millis", "local-timestamp-micros"}
    ),
    "fixed": frozenset({"decimal", "uuid"}),
}
"""Which logical types each underlying type may carry here."""

UNION_BRANCHES_MAX: Final = 64
"""A union's index fits one byte up to here."""


def parse(file: str, source: str) -> AvroFile:
    """Return the schema of a file. ``file`` is only for messages. Raises ContractError with line and JSON path."""
    try:
        tree = json.loads(source, object_pairs_hook=_no_duplicates)
    except json.JSONDecodeError as error:
        raise ContractError(file, "", f"not JSON: {error.msg}", rule="json", line=error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise ContractError(file, "", f"not a schema: {error}", rule="json") from error
    lines = lines_of(source)
    try:
        top, named = _read(file, tree)
    except ContractError as error:
        raise error.at(line_at(lines, error.place)) from error
    return AvroFile(file, top, named, json.dumps(tree, separators=(",", ":"), ensure_ascii=False), lines)


def _read(file: str, tree: Any) -> tuple[Type, Mapping[str, Definition]]:
    """Return the type of the top and all named types."""
    reader = _SchemaReader(file)
    top = reader.type_of(tree, "", "$", 0)
    definition = reader.named.get(top.name) if isinstance(top, Named) else None
    if not isinstance(definition, Record):
        problem = 'the top of a schema file must be a record ({"type": "record", ...})'
        raise reader.fail("$", problem, rule="avro-top")
    for record in reader.named.values():
        if isinstance(record, Record):
            _require_finite(file, record, record, reader.named, ())
    return top, reader.named


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    for key in keys:
        if keys.count(key) > 1:
            raise ValueError(f"the key {key!r} stands twice in one object")
    return dict(pairs)


def _require_finite(
    file: str, top: Record, record: Record, named: Mapping[str, Definition], seen: tuple[str, ...]
) -> None:
    """Raise when a value of ``top`` would have to hold another one, and that one another, without end."""
    for field in record.fields:
        inner = named[field.type.name] if isinstance(field.type, Named) else None
        if inner is top:
            raise ContractError(
                file,
                field.path,
                f"every {top.name} holds itself; make it a union with null, an array or a map",
                rule="avro-endless",
            )
        if isinstance(inner, Record) and inner.name not in seen:
            _require_finite(file, top, inner, named, (*seen, inner.name))


class _SchemaReader:
    """Walks the JSON of one file and collects its named types."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.named: dict[str, Definition] = {}
        self._open: set[str] = set()  # records whose fields are being read: references to them are legal

    def fail(self, path: str, problem: str, rule: str) -> ContractError:
        return ContractError(self.file, path, problem, rule=rule)

    def type_of(self, tree: Any, namespace: str, path: str, depth: int) -> Type:  # noqa: PLR0911 - one return a case reads best
        if depth > NESTING_MAX:
            raise self.fail(path, f"nested deeper than {NESTING_MAX} levels", rule="avro-nesting")
        if isinstance(tree, str):
            return self._reference(tree, namespace, path)
        if isinstance(tree, list):
            return self._union(tree, namespace, path, depth)
        if not isinstance(tree, dict):
            raise self.fail(
                path, f"{tree!r} is not a schema; allowed are a name, an object or a list (a union)", rule="avro-type"
            )
        kind = self._get(tree, "type", path)
        if isinstance(kind, dict | list):
            return self.type_of(kind, namespace, f"{path}.type", depth + 1)
        match kind:
            case "record":
                return self._record(tree, namespace, path, depth)
            case "enum":
                return self._enum(tree, namespace, path)
            case "fixed":
                return self._fixed(tree, namespace, path)
            case "array":
                return Array(self.type_of(self._get(tree, "items", path), namespace, f"{path}.items", depth + 1))
            case "map":
                return Map(self.type_of(self._get(tree, "values", path), namespace, f"{path}.values", depth + 1))
            case str() if kind in PRIMITIVES:
                return Primitive(kind, self._logical(tree, kind, path, size=None))
            case str():
                return self._reference(kind, namespace, f"{path}.type")
        raise self.fail(f"{path}.type", f"{kind!r} is not a type", rule="avro-type")

    def _reference(self, name: str, namespace: str, path: str) -> Type:
        if name in PRIMITIVES:
            return Primitive(name)
        for candidate in (full_name(name, namespace), name):
            if candidate in self.named or candidate in self._open:
                return Named(candidate)
        raise self.fail(
            path,
            f"{name!r} is not a type; allowed are {', '.join(sorted(PRIMITIVES))}, record, enum, fixed, array, map, "
            f"and the names defined before in this file ({', '.join(self.named) or 'none yet'})",
            rule="avro-type",
        )

    def _union(self, tree: list[Any], namespace: str, path: str, depth: int) -> Union:
        if not 1 <= len(tree) <= UNION_BRANCHES_MAX:
            raise self.fail(path, f"a union has 1 to {UNION_BRANCHES_MAX} branches, not {len(tree)}", rule="avro-union")
        branches = tuple(self.type_of(branch, namespace, f"{path}[{i}]", depth + 1) for i, branch in enumerate(tree))
        if any(isinstance(branch, Union) for branch in branches):
            raise self.fail(path, "a union cannot hold a union directly", rule="avro-union")
        kinds = [_branch_kind(branch) for branch in branches]
        for kind in kinds:
            if kinds.count(kind) > 1:
                raise self.fail(
                    path, f"a union holds each type once; {kind} is there {kinds.count(kind)} times", rule="avro-union"
                )
        return Union(branches)

    def _record(self, tree: dict[str, Any], namespace: str, path: str, depth: int) -> Named:
        name = self._define(tree, namespace, path)
        self._open.add(name)
        inner = name.rpartition(".")[0]
        trees = self._get(tree, "fields", path)
        if not isinstance(trees, list):
            raise self.fail(f"{path}.fields", "must be a list of fields", rule="avro-fields")
        fields = tuple(self._field(field, inner, f"{path}.fields[{i}]", depth) for i, field in enumerate(trees))
        names = [field.name for field in fields]
        for i, field_name in enumerate(names):
            if field_name in names[:i]:
                raise self.fail(
                    f"{path}.fields[{i}].name", f"the field {field_name!r} is there twice", rule="avro-duplicate"
                )
        self._open.discard(name)
        self.named[name] = Record(name, fields, self._doc(tree, path))
        return Named(name)

    def _field(self, tree: Any, namespace: str, path: str, depth: int) -> Field:
        if not isinstance(tree, dict):
            raise self.fail(
                path, f"{tree!r} is not a field; allowed is an object with name and type", rule="avro-fields"
            )
        name = self._name(tree, _NAME, path)
        kind = self.type_of(self._get(tree, "type", path), namespace, f"{path}.type", depth + 1)
        return Field(name, kind, self._doc(tree, path), "default" in tree, tree.get("default"), path)

    def _enum(self, tree: dict[str, Any], namespace: str, path: str) -> Named:
        name = self._define(tree, namespace, path)
        symbols = self._get(tree, "symbols", path)
        if not isinstance(symbols, list) or not symbols:
            raise self.fail(f"{path}.symbols", "must be a list of one symbol or more", rule="avro-symbols")
        for i, symbol in enumerate(symbols):
            if not isinstance(symbol, str) or _NAME.fullmatch(symbol) is None:
                raise self.fail(
                    f"{path}.symbols[{i}]", f"{symbol!r} is not a symbol (letters, digits and _)", rule="avro-symbols"
                )
            if symbol in symbols[:i]:
                raise self.fail(f"{path}.symbols[{i}]", f"the symbol {symbol!r} is there twice", rule="avro-duplicate")
        default = tree.get("default")
        if default is not None and default not in symbols:
            raise self.fail(
                f"{path}.default", f"{default!r} is not a symbol; allowed are {', '.join(symbols)}", rule="avro-default"
            )
        self.named[name] = Enumeration(name, tuple(symbols), self._doc(tree, path), default)
        return Named(name)

    def _fixed(self, tree: dict[str, Any], namespace: str, path: str) -> Named:
        name = self._define(tree, namespace, path)
        size = self._get(tree, "size", path)
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= 65_536:
            raise self.fail(f"{path}.size", f"{size!r} is not a size; allowed is 1 to 65536", rule="avro-size")
        self.named[name] = Fixed(name, size, self._logical(tree, "fixed", path, size), self._doc(tree, path))
        return Named(name)

    def _logical(self, tree: dict[str, Any], kind: str, path: str, size: int | None) -> Logical | None:
        name = tree.get("logicalType")
        if name is None:
            return None
        allowed = LOGICAL.get(kind, frozenset())
        if name not in allowed:
            raise self.fail(
                f"{path}.logicalType",
                f"{name!r} on {kind} is not supported; allowed is {', '.join(sorted(allowed)) or 'none'}",
                rule="avro-logical-type",
            )
        if name == "uuid" and size not in {None, 16}:
            raise self.fail(f"{path}.size", f"a uuid has 16 bytes, not {size}", rule="avro-logical-type")
        if name != "decimal":
            return Logical(name)
        return self._decimal(tree, path, size)

    def _decimal(self, tree: dict[str, Any], path: str, size: int | None) -> Logical:
        precision, scale = tree.get("precision"), tree.get("scale", 0)
        most = 1000 if size is None else len(str((1 << (8 * size - 1)) - 1)) - 1
        if not isinstance(precision, int) or isinstance(precision, bool) or not 1 <= precision <= most:
            raise self.fail(
                f"{path}.precision",
                f"{precision!r} is not a precision; allowed is 1 to {most} here",
                rule="avro-logical-type",
            )
        if not isinstance(scale, int) or isinstance(scale, bool) or not 0 <= scale <= precision:
            raise self.fail(
                f"{path}.scale",
                f"{scale!r} is not a scale; allowed is 0 to the precision, {precision}",
                rule="avro-logical-type",
            )
        return Logical("decimal", precision, scale)

    def _name(self, tree: dict[str, Any], allowed: re.Pattern[str], path: str) -> str:
        name = self._get(tree, "name", path)
        if not isinstance(name, str) or allowed.fullmatch(name) is None:
            raise self.fail(
                f"{path}.name",
                f"{name!r} is not a name; allowed are letters, digits and _, no digit first",
                rule="avro-name",
            )
        return name

    def _define(self, tree: dict[str, Any], namespace: str, path: str) -> str:
        name = self._name(tree, _FULL_NAME, path)
        own = tree.get("namespace", namespace)
        if not isinstance(own, str) or (own and _FULL_NAME.fullmatch(own) is None):
            raise self.fail(
                f"{path}.namespace", f"{own!r} is not a namespace (names joined by points)", rule="avro-name"
            )
        resolved = full_name(name, own)
        if resolved.rpartition(".")[2] in PRIMITIVES:
            raise self.fail(f"{path}.name", f"{name!r} is the name of a primitive type", rule="avro-name")
        if resolved in self.named or resolved in self._open:
            raise self.fail(f"{path}.name", f"the type {resolved!r} is defined twice", rule="avro-duplicate")
        return resolved

    def _doc(self, tree: dict[str, Any], path: str) -> str:
        doc = tree.get("doc", "")
        if not isinstance(doc, str):
            raise self.fail(f"{path}.doc", f"{doc!r} is not a text", rule="avro-doc")
        return doc

    def _get(self, tree: dict[str, Any], key: str, path: str) -> Any:
        if key not in tree:
            raise self.fail(
                path, f"{key!r} is missing; there are {', '.join(sorted(tree)) or 'no keys'}", rule="avro-missing-key"
            )
        return tree[key]


def _branch_kind(branch: Type) -> str:
    match branch:
        case Primitive(kind):
            return kind
        case Named(name):
            return name
        case _:
            return type(branch).__name__.lower()
