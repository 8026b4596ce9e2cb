"""Whether a reader's Avro schema can read what a writer's wrote: pure, one direction, a finding for each obstacle.

Stricter than the specification where what it allows would be read as something else: logical types must be equal
(another scale of a decimal, milliseconds for microseconds), so must full names, namespaces included, and a default that
a reader would fall back on must be a value of its type. The reader's aliases of fields and types count as their names.
Numbers may widen as the specification says (int to long, float, double; long to float, double; float to double;
string and bytes either way) where neither side has a logical type.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from codegen.avro.defaults import default_problem
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

WRITER: Final = "\0writer\0"
READER: Final = "\0reader\0"
"""Stand in a reason for what the caller calls the two; no schema holds them."""

_WIDENS: Final = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}


@dataclass(frozen=True)
class Obstacle:
    """Why a value cannot be read. ``path`` is of field names (``lines[].price``; empty for the whole record)."""

    path: str
    rule: str
    reason: str


def obstacles(writer: AvroFile, reader: AvroFile) -> tuple[Obstacle, ...]:
    """Return everything that keeps ``reader`` from reading the records of ``writer``; nothing means it can."""
    walker = _Walker(writer, reader)
    found = walker.walk(writer.top, reader.top, "")
    return tuple(dict.fromkeys(found))


class _Walker:
    def __init__(self, writer: AvroFile, reader: AvroFile) -> None:
        self._writer = writer
        self._reader = reader
        self._seen: set[tuple[str, str]] = set()  # pairs of records: a recursive one is walked once

    def walk(self, written: Type, read: Type, path: str) -> Iterator[Obstacle]:
        match written, read:
            case Union(branches), _:
                yield from self._written_union(branches, read, path)
            case _, Union(branches):
                yield from self._read_union(written, branches, path)
            case Primitive(), Primitive():
                yield from _primitive(written, read, path)
            case Array(w), Array(r):
                yield from self.walk(w, r, f"{path}[]")
            case Map(w), Map(r):
                yield from self.walk(w, r, f"{path}{{}}")
            case Named(w), Named(r):
                yield from self._named(self._writer.named[w], self._reader.named[r], path)
            case _:
                yield _type_changed(path, type_words(written, self._writer), type_words(read, self._reader))

    def _named(self, written: Definition, read: Definition, path: str) -> Iterator[Obstacle]:
        if type(written) is not type(read):
            yield _type_changed(path, _definition(written), _definition(read))
            return
        if not _same_name(written, read):
            yield _renamed(path, written, read)
            return
        match written, read:
            case Record(), Record():
                if (written.name, read.name) not in self._seen:
                    self._seen.add((written.name, read.name))
                    yield from self._record(written, read, path)
            case Enumeration(), Enumeration():
                yield from _enumeration(written, read, path)
            case Fixed(), Fixed():
                if written.size != read.size:
                    yield Obstacle(
                        path, "size", f"{_at(path)} has {written.size} bytes in {WRITER} and {read.size} in {READER}"
                    )
                yield from _logical(written.logical, read.logical, path)

    def _record(self, written: Record, read: Record, path: str) -> Iterator[Obstacle]:
        known = {field.name: field for field in written.fields}
        own = {field.name for field in read.fields}
        for field in read.fields:
            inner = f"{path}.{field.name}" if path else field.name
            # A field of the writer's is one of the reader's at most, and by its name rather than by another's alias.
            names = [field.name, *(alias for alias in field.aliases if alias not in own)]
            found = next((name for name in names if name in known), None)
            if found is not None:
                yield from self.walk(known.pop(found).type, field.type, inner)
            elif not field.has_default:
                yield Obstacle(inner, "no default", f"`{inner}` has no default")
            else:
                yield from _default(field, self._reader, inner)

    def _written_union(self, branches: tuple[Type, ...], read: Type, path: str) -> Iterator[Obstacle]:
        if not isinstance(read, Union):
            for branch in branches:
                if branch == Primitive("null") and branch != read:
                    yield Obstacle(path, "null", f"{_at(path)} may be null in {WRITER} and may not in {READER}")
                else:
                    yield from self.walk(branch, read, path)
            return
        for branch in branches:
            yield from self._read_union(branch, read.branches, path)

    def _read_union(self, written: Type, branches: tuple[Type, ...], path: str) -> Iterator[Obstacle]:
        """Take the branch that the specification says: the first of the same kind, else the first that it widens to."""
        same = [branch for branch in branches if self._same_kind(written, branch)]
        if same:
            yield from self.walk(written, same[0], path)
            return
        if not any(_widens(written, branch) for branch in branches):
            shown = type_words(written, self._writer)
            allowed = ", ".join(type_words(branch, self._reader) for branch in branches)
            yield Obstacle(
                path, "union", f"{_at(path)} may be {shown} in {WRITER}, and in {READER} it is one of {allowed}"
            )

    def _same_kind(self, written: Type, read: Type) -> bool:
        match written, read:
            case Primitive(w), Primitive(r):
                return w == r
            case Named(w), Named(r):
                one, other = self._writer.named[w], self._reader.named[r]
                return type(one) is type(other) and _same_name(one, other)
            case _:
                return type(written) is type(read)


def _same_name(written: Definition, read: Definition) -> bool:
    return written.name == read.name or written.name in read.aliases


def _primitive(written: Primitive, read: Primitive, path: str) -> Iterator[Obstacle]:
    if written.kind == read.kind:
        yield from _logical(written.logical, read.logical, path)
    elif not _widens(written, read):
        yield _type_changed(path, _primitive_words(written), _primitive_words(read))


def _widens(written: Type, read: Type) -> bool:
    match written, read:
        case Primitive(w, None), Primitive(r, None):
            return r in _WIDENS.get(w, ())
        case _:
            return False


def _logical(written: Logical | None, read: Logical | None, path: str) -> Iterator[Obstacle]:
    if written != read:
        was, now = _logical_words(written), _logical_words(read)
        yield Obstacle(path, "logical type", f"{_at(path)} is {was} in {WRITER} and {now} in {READER}")


def _enumeration(written: Enumeration, read: Enumeration, path: str) -> Iterator[Obstacle]:
    unknown = [symbol for symbol in written.symbols if symbol not in read.symbols]
    if unknown and read.default is None:
        listed = ", ".join(f"`{symbol}`" for symbol in unknown)
        which = "symbol" if len(unknown) == 1 else "symbols"
        yield Obstacle(
            path, "symbol", f"{_at(path)} in {READER} does not know the {which} {listed}, and the enum has no default"
        )


def _default(field: Field, schema: AvroFile, path: str) -> Iterator[Obstacle]:
    problem = default_problem(field.type, field.default, schema.named)
    if problem is not None:
        yield Obstacle(path, "default", f"`{path}` has a default that is not one: {problem}")


def _type_changed(path: str, was: str, now: str) -> Obstacle:
    return Obstacle(path, "type", f"{_at(path)} is {was} in {WRITER} and {now} in {READER}")


def _renamed(path: str, written: Definition, read: Definition) -> Obstacle:
    was, now = written.name, read.name
    rule = "namespace" if was.rpartition(".")[2] == now.rpartition(".")[2] else "name"
    return Obstacle(path, rule, f"the type of {_at(path)} is called {was} in {WRITER} and {now} in {READER}")


def _at(path: str) -> str:
    return f"`{path}`" if path else "the record"


def type_words(kind: Type, schema: AvroFile) -> str:
    """Return a type as a person says it: ``array of decimal(38, 9)``, ``the record tally.v1.Sum``."""
    match kind:
        case Primitive():
            return _primitive_words(kind)
        case Named(name):
            return _definition(schema.named[name])
        case Union(branches):
            return "one of " + ", ".join(type_words(branch, schema) for branch in branches)
        case Array(items):
            return f"array of {type_words(items, schema)}"
        case Map(values):
            return f"map of {type_words(values, schema)}"


def _primitive_words(kind: Primitive) -> str:
    """Return a primitive with its logical type, ``long (timestamp-micros)``."""
    return f"{kind.kind} ({_logical_words(kind.logical)})" if kind.logical else kind.kind


def _logical_words(logical: Logical | None) -> str:
    """Return a logical type, ``decimal(38, 9)``."""
    if logical is None:
        return "without logical type"
    return f"decimal({logical.precision}, {logical.scale})" if logical.name == "decimal" else logical.name


def _definition(definition: Definition) -> str:
    match definition:
        case Record(name):
            return f"the record {name}"
        case Enumeration(name):
            return f"the enum {name}"
        case Fixed(name, size, logical):
            return f"the fixed {name} of {size} bytes" + (f" ({_logical_words(logical)})" if logical else "")
