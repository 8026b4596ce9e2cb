"""Reads Avro schemas strictly: what is wrong or not understood is refused with its JSON path and what is allowed.

What the specification says to ignore is ignored, and told in ``AvroFile.notes``.
"""

import json
import re
import reprlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from codegen.avro.logical_types import logical_of
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
from codegen.json_places import line_at, plain
from codegen.json_places import read as read_json
from tally.base.fingerprint import NESTING_MAX, PRIMITIVES, full_name

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FULL_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")

UNION_BRANCHES_MAX: Final = 1024
"""Real ones have up to 280."""

SIZE_MAX: Final = 1 << 24
"""Of a fixed, in bytes: as much as is generously allowed for one Kafka record."""

_LISTED_MAX: Final = 20
_KINDS: Final = "record, error, enum, fixed, array, map"


def parse(file: str, source: str) -> AvroFile:
    """Return the schema of a file. ``file`` is only for messages. Raises ContractError with line and JSON path."""
    tree, lines = read_json(file, plain(source))
    reader = _SchemaReader(file)
    try:
        top = reader.type_of(tree, "", "$", 0)
        for finding in _endless(file, reader.named):
            raise finding
    except ContractError as error:
        raise error.at(line_at(lines, error.place)) from error
    text = json.dumps(tree, separators=(",", ":"), ensure_ascii=False)
    notes = tuple(note.at(line_at(lines, note.place)) for note in reader.notes)
    return AvroFile(file, top, reader.named, text, lines, notes=notes)


def _endless(file: str, named: Mapping[str, Definition]) -> Iterator[ContractError]:
    """Yield a finding for each record of which no value can be written: it would hold itself, without end."""
    pending = {name: definition for name, definition in named.items() if isinstance(definition, Record)}
    ending = named.keys() - pending.keys()
    while done := [
        name for name, record in pending.items() if all(_ends(field.type, ending) for field in record.fields)
    ]:
        ending.update(done)
        for name in done:
            del pending[name]
    for name, record in pending.items():
        field = next(field for field in record.fields if not _ends(field.type, ending))
        problem = f"every {name} would hold another one, without end; make it a union with null, an array or a map"
        yield ContractError(file, field.path, problem, rule="avro-endless")


def _ends(kind: Type, ending: set[str]) -> bool:
    match kind:
        case Named(name):
            return name in ending
        case Union(branches):
            return any(_ends(branch, ending) for branch in branches)
        case _:
            return True  # an array or a map may be empty


class _SchemaReader:
    """Walks the JSON of one file and collects its named types."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.named: dict[str, Definition] = {}
        self.notes: list[ContractError] = []
        self._open: set[str] = set()  # records whose fields are being read: references to them are legal

    def fail(self, path: str, problem: str, rule: str) -> ContractError:
        return ContractError(self.file, path, problem, rule=rule)

    def _note(self, path: str, problem: str, rule: str) -> None:
        self.notes.append(ContractError(self.file, path, problem, rule=rule, severity="note"))

    def type_of(self, tree: Any, namespace: str, path: str, depth: int) -> Type:  # noqa: PLR0911 - one return a case reads best
        if depth > NESTING_MAX:
            raise self.fail(path, f"nested deeper than {NESTING_MAX} levels", rule="avro-nesting")
        if isinstance(tree, str):
            return self._reference(tree, namespace, path)
        if isinstance(tree, list):
            return self._union(tree, namespace, path, depth)
        if not isinstance(tree, dict):
            raise self.fail(
                path, f"{_shown(tree)} is not a schema; allowed are a name, an object or a list (a union)", "avro-type"
            )
        kind = self._get(tree, "type", path)
        if isinstance(kind, dict | list):
            self._beside(tree, path)
            return self.type_of(kind, namespace, f"{path}.type", depth + 1)
        match kind:
            case "record" | "error":
                return self._record(tree, namespace, path, depth, error=kind == "error")
            case "enum":
                return self._enum(tree, namespace, path)
            case "fixed":
                return self._fixed(tree, namespace, path)
            case "array":
                self._logical(tree, kind, path)
                return Array(self.type_of(self._get(tree, "items", path), namespace, f"{path}.items", depth + 1))
            case "map":
                self._logical(tree, kind, path)
                return Map(self.type_of(self._get(tree, "values", path), namespace, f"{path}.values", depth + 1))
            case str() if kind in PRIMITIVES:
                return Primitive(kind, self._logical(tree, kind, path))
            case str():
                self._beside(tree, path)
                return self._reference(kind, namespace, f"{path}.type")
        raise self.fail(f"{path}.type", f"{_shown(kind)} is not a type", rule="avro-type")

    def _reference(self, name: str, namespace: str, path: str) -> Type:
        if name in PRIMITIVES:
            return Primitive(name)
        for candidate in (full_name(name, namespace), name):
            if candidate in self.named or candidate in self._open:
                if candidate != full_name(name, namespace):
                    problem = f"{name} has no namespace, so inside {namespace} only some readers find it; give it one"
                    self._note(path, problem, rule="avro-reference")
                return Named(candidate)
        raise self.fail(
            path,
            f"{_shown(name)} is not a type; allowed are {', '.join(sorted(PRIMITIVES))}, {_KINDS}, "
            f"and the names defined before in this file ({_listed(self.named)})",
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

    def _record(self, tree: dict[str, Any], namespace: str, path: str, depth: int, *, error: bool) -> Named:
        name = self._define(tree, namespace, path)
        aliases = self._aliases(tree, name, path)
        self._logical(tree, "record", path)
        self._open.add(name)
        inner = name.rpartition(".")[0]
        trees = self._get(tree, "fields", path)
        if not isinstance(trees, list):
            raise self.fail(f"{path}.fields", "must be a list of fields", rule="avro-fields")
        fields = tuple(self._field(field, inner, f"{path}.fields[{i}]", depth) for i, field in enumerate(trees))
        names: set[str] = set()
        for i, field in enumerate(fields):
            if field.name in names:
                raise self.fail(
                    f"{path}.fields[{i}].name", f"the field {field.name!r} is there twice", rule="avro-duplicate"
                )
            names.add(field.name)
        self._open.discard(name)
        self.named[name] = Record(name, fields, self._doc(tree, path), aliases, error)
        return Named(name)

    def _field(self, tree: Any, namespace: str, path: str, depth: int) -> Field:
        if not isinstance(tree, dict):
            raise self.fail(
                path, f"{_shown(tree)} is not a field; allowed is an object with name and type", rule="avro-fields"
            )
        name = self._name(tree, _NAME, path)
        self._beside(tree, path)
        kind = self.type_of(self._get(tree, "type", path), namespace, f"{path}.type", depth + 1)
        aliases = self._names(tree, _NAME, path)
        return Field(name, kind, self._doc(tree, path), "default" in tree, tree.get("default"), path, aliases)

    def _enum(self, tree: dict[str, Any], namespace: str, path: str) -> Named:
        name = self._define(tree, namespace, path)
        self._logical(tree, "enum", path)
        symbols = self._get(tree, "symbols", path)
        if not isinstance(symbols, list) or not symbols:
            raise self.fail(f"{path}.symbols", "must be a list of one symbol or more", rule="avro-symbols")
        known: set[str] = set()
        for i, symbol in enumerate(symbols):
            if not isinstance(symbol, str) or _NAME.fullmatch(symbol) is None:
                raise self.fail(
                    f"{path}.symbols[{i}]", f"{_shown(symbol)} is not a symbol (letters, digits and _)", "avro-symbols"
                )
            if symbol in known:
                raise self.fail(f"{path}.symbols[{i}]", f"the symbol {symbol!r} is there twice", rule="avro-duplicate")
            known.add(symbol)
        default = tree.get("default")
        if default is not None and default not in symbols:
            problem = f"{_shown(default)} is not a symbol; allowed are {_listed(symbols)}"
            raise self.fail(f"{path}.default", problem, rule="avro-default")
        aliases = self._aliases(tree, name, path)
        self.named[name] = Enumeration(name, tuple(symbols), self._doc(tree, path), default, aliases)
        return Named(name)

    def _fixed(self, tree: dict[str, Any], namespace: str, path: str) -> Named:
        name = self._define(tree, namespace, path)
        size = self._get(tree, "size", path)
        if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= SIZE_MAX:
            raise self.fail(f"{path}.size", f"{_shown(size)} is not a size; allowed is 1 to {SIZE_MAX}", "avro-size")
        logical = self._logical(tree, "fixed", path, size)
        self.named[name] = Fixed(name, size, logical, self._doc(tree, path), self._aliases(tree, name, path))
        return Named(name)

    def _logical(self, tree: dict[str, Any], kind: str, path: str, size: int | None = None) -> Logical | None:
        """Return the logical type; one that the specification says to ignore is left out and told."""
        found = logical_of(tree, kind, size)
        if isinstance(found, str):
            self._note(f"{path}.logicalType", f"{found}; it is ignored, as the specification says", "avro-logical-type")
            return None
        return found

    def _beside(self, tree: dict[str, Any], path: str) -> None:
        """Tell of a logical type that stands beside a type instead of in it."""
        if "logicalType" in tree:
            problem = 'it stands beside the type and is ignored; put it in: {"type": {"type": ..., "logicalType": ...}}'
            self._note(f"{path}.logicalType", problem, rule="avro-logical-type")

    def _name(self, tree: dict[str, Any], allowed: re.Pattern[str], path: str) -> str:
        name = self._get(tree, "name", path)
        if not isinstance(name, str) or allowed.fullmatch(name) is None:
            problem = f"{_shown(name)} is not a name; allowed are letters, digits and _, no digit first"
            raise self.fail(f"{path}.name", problem, rule="avro-name")
        return name

    def _names(self, tree: dict[str, Any], allowed: re.Pattern[str], path: str) -> tuple[str, ...]:
        """Return the aliases as they stand there."""
        aliases = tree.get("aliases", [])
        if not isinstance(aliases, list):
            raise self.fail(f"{path}.aliases", f"{_shown(aliases)} is not a list of names", rule="avro-aliases")
        for i, alias in enumerate(aliases):
            if not isinstance(alias, str) or allowed.fullmatch(alias) is None:
                raise self.fail(f"{path}.aliases[{i}]", f"{_shown(alias)} is not a name", rule="avro-aliases")
        return tuple(aliases)

    def _aliases(self, tree: dict[str, Any], name: str, path: str) -> tuple[str, ...]:
        """Return the full names of a type's aliases, which are relative to its own namespace."""
        namespace = name.rpartition(".")[0]
        return tuple(full_name(alias, namespace) for alias in self._names(tree, _FULL_NAME, path))

    def _define(self, tree: dict[str, Any], namespace: str, path: str) -> str:
        name = self._name(tree, _FULL_NAME, path)
        own = tree.get("namespace", namespace)
        own = "" if own is None else own  # null is no namespace, as the empty one is
        if not isinstance(own, str) or (own and _FULL_NAME.fullmatch(own) is None):
            problem = f"{_shown(own)} is not a namespace (names joined by points)"
            raise self.fail(f"{path}.namespace", problem, rule="avro-name")
        resolved = full_name(name, own)
        if resolved.rpartition(".")[2] in PRIMITIVES:
            raise self.fail(f"{path}.name", f"{_shown(name)} is the name of a primitive type", rule="avro-name")
        if resolved in self.named or resolved in self._open:
            raise self.fail(f"{path}.name", f"the type {_shown(resolved)} is defined twice", rule="avro-duplicate")
        return resolved

    def _doc(self, tree: dict[str, Any], path: str) -> str:
        doc = tree.get("doc", "")
        if not isinstance(doc, str):
            raise self.fail(f"{path}.doc", f"{_shown(doc)} is not a text", rule="avro-doc")
        if "\0" in doc:
            raise self.fail(f"{path}.doc", "has the character \\u0000, which no source code can hold", rule="avro-doc")
        return doc

    def _get(self, tree: dict[str, Any], key: str, path: str) -> Any:
        if key not in tree:
            problem = f"{key!r} is missing; there are {_listed(sorted(tree)) if tree else 'no keys'}"
            raise self.fail(path, problem, rule="avro-missing-key")
        return tree[key]


def _branch_kind(branch: Type) -> str:
    match branch:
        case Primitive(kind):
            return kind
        case Named(name):
            return name
        case _:
            return type(branch).__name__.lower()


def _shown(value: Any) -> str:
    """Return a value for a message, shortened when it is long."""
    return reprlib.repr(value)


def _listed(names: Iterable[str]) -> str:
    """Return names for a message, the first ones when there are many."""
    known = list(names)
    more = f" and {len(known) - _LISTED_MAX} more" if len(known) > _LISTED_MAX else ""
    return ", ".join(known[:_LISTED_MAX]) + more or "none yet"
