"""Bytes that another schema wrote, as bytes of the reader's: Avro's schema resolution.

A plan is made once for two schemas: steps that each read a value of the writer's and append the reader's. Fields are
matched by name or by the reader's aliases, types by full name or alias; what the writer lacks has the reader's default;
numbers widen. A logical type must be the same on both sides: 5 with scale 4 is not 5 with scale 9.

Bounded on hostile input as decode is, which reads the result: so it checks texts, digits and dates.
"""

import functools as _functools
import struct as _struct
from collections.abc import Callable
from typing import Final, TypeAlias

from ._default_bytes import default_bytes, number_bytes
from ._runtime import (
    EMPTY_ITEMS_MAX,
    NESTING_MAX,
    AvroDecodeError,
    bad_index,
    bad_length,
    early,
    read_varint,
    too_deep,
    too_many_empty,
    write_long,
)
from ._schemas import Type, equal, load

_PLANS_MAX: Final = 256
_FLOAT: Final = _struct.Struct("<f")
_DOUBLE: Final = _struct.Struct("<d")
_WIDENS: Final = {
    "int": ("long", "float", "double"),
    "long": ("float", "double"),
    "float": ("double",),
    "string": ("bytes",),
    "bytes": ("string",),
}


class _Source:
    """The writer's bytes, and how far they are read."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.pos = 0
        self.depth = 0

    def number(self) -> int:
        n = self.data[self.pos]
        self.pos += 1
        if n > 0x7F:
            n, self.pos = read_varint(self.data, self.pos, n)
        return (n >> 1) ^ -(n & 1)

    def raw(self, size: int) -> bytes:
        left = len(self.data) - self.pos
        if not 0 <= size <= left:
            raise bad_length(size, left)
        self.pos += size
        return self.data[self.pos - size : self.pos]


_Step: TypeAlias = Callable[[_Source, bytearray], None]


def resolved(data: bytes, writer: str, reader: str) -> bytes:
    """Return the bytes of a value in the reader's schema. Raises AvroDecodeError."""
    step = _plan(writer, reader)
    if step is None:
        return data
    source, out = _Source(data), bytearray()
    try:
        step(source, out)
    except IndexError:
        raise early(len(data)) from None
    if source.pos != len(data):
        raise AvroDecodeError(f"{len(data) - source.pos} bytes are left after the record")
    return bytes(out)


@_functools.lru_cache(_PLANS_MAX)
def _plan(writer: str, reader: str) -> _Step | None:
    """Return the step of two schemas; None when they write the same, and one that raises when they do not resolve."""
    try:
        written, read = load(writer), load(reader)
        return None if equal(written, read, set()) else _Planner().plan(written, read)
    except AvroDecodeError as error:
        return _refusing(error)
    except RecursionError:
        return _refusing(AvroDecodeError("the writer's schema is nested too deep"))


def _refusing(error: AvroDecodeError) -> _Step:
    text = str(error)

    def step(source: _Source, out: bytearray) -> None:
        raise AvroDecodeError(text)

    return step


def _refusal(written: Type, read: Type) -> AvroDecodeError:
    was, now = ((kind.name or kind.kind) + "".join(f" {part}" for part in kind.logical) for kind in (written, read))
    return AvroDecodeError(f"the writer's schema does not resolve to ours: {was} is not {now}")


class _Planner:
    def __init__(self) -> None:
        self._known: dict[tuple[int, int], list[_Step]] = {}

    def plan(self, written: Type, read: Type) -> _Step:
        """Return the step of two types. Raises AvroDecodeError when they do not resolve."""
        if written is read and written.takes_no_bytes:  # a record may hold such ones by the million
            return _null
        known = self._known.get((id(written), id(read)))
        if known is not None:
            return _again(known)
        made = self._known[id(written), id(read)] = []
        try:
            step = self._made(written, read)
        except AvroDecodeError as error:
            made.append(_refusing(error))
            raise
        made.append(step)
        return step

    def _made(self, written: Type, read: Type) -> _Step:  # noqa: PLR0911 - one return a case reads best
        if written.kind == "union":
            return _union([self._attempt(branch, read) for branch in written.parts])
        if read.kind == "union":
            return self._into_union(written, read)
        if not _same_kind(written, read):
            if _widens(written, read):
                return _widened(written.kind, read.kind)
            raise _refusal(written, read)
        if written.logical != read.logical or written.size != read.size:
            raise _refusal(written, read)
        match written.kind:
            case "array" | "map":
                return _blocks(self.plan(written.parts[0], read.parts[0]), written)
            case "enum":
                return _enum(written, read)
            case "record":
                return self._record(written, read)
            case "fixed":
                return _fixed(written.size)
        return _copied(written.kind)

    def _attempt(self, written: Type, read: Type) -> _Step:
        """Return the step of a branch, which matters only to a value that is of it."""
        try:
            return self.plan(written, read)
        except AvroDecodeError as error:
            return _refusing(error)

    def _into_union(self, written: Type, read: Type) -> _Step:
        fitting = [i for i, branch in enumerate(read.parts) if _same_kind(written, branch)]
        fitting += [i for i, branch in enumerate(read.parts) if _widens(written, branch)]
        if not fitting:
            raise _refusal(written, read)
        head, inner = number_bytes(fitting[0]), self.plan(written, read.parts[fitting[0]])

        def step(source: _Source, out: bytearray) -> None:
            out += head
            inner(source, out)

        return step

    def _record(self, written: Type, read: Type) -> _Step:
        places: dict[str, int] = {}  # of the reader's fields, by the writer's names
        names = {field["name"] for field in written.fields}
        own = {field["name"] for field in read.fields}
        parts: list[bytes] = []
        for i, (field, kind) in enumerate(zip(read.fields, read.parts, strict=True)):
            called = [field["name"], *(alias for alias in field.get("aliases", ()) if alias not in own)]
            found = [name for name in called if name in names and name not in places]
            if found:
                places[found[0]] = i
            elif "default" not in field:
                raise AvroDecodeError(
                    f"the writer's schema does not resolve to ours: it has no {read.name}.{field['name']}, "
                    "which has no default"
                )
            parts.append(b"" if found else default_bytes(kind, field["default"], field["name"]))
        steps: list[tuple[_Step, int | None]] = []
        for field, kind in zip(written.fields, written.parts, strict=True):
            place = places.get(field["name"])
            steps.append((self.plan(kind, kind if place is None else read.parts[place]), place))
        return _record(steps, parts)


def _again(known: list[_Step]) -> _Step:
    """Return a step that is looked up when it runs: of a type within itself, so that it counts how deep it is."""

    def step(source: _Source, out: bytearray) -> None:
        source.depth += 1
        if source.depth > NESTING_MAX:
            too_deep()
        known[0](source, out)
        source.depth -= 1

    return step


def _same_kind(written: Type, read: Type) -> bool:
    return written.kind == read.kind and (written.name == read.name or written.name in read.aliases)


def _widens(written: Type, read: Type) -> bool:
    return read.kind in _WIDENS.get(written.kind, ()) and not written.logical and not read.logical


def _record(steps: list[tuple[_Step, int | None]], parts: list[bytes]) -> _Step:
    in_order = [place for _, place in steps] == list(range(len(parts)))

    def straight(source: _Source, out: bytearray) -> None:
        for one, _ in steps:
            one(source, out)

    def sorted_anew(source: _Source, out: bytearray) -> None:
        found = list[bytes | bytearray](parts)
        for one, place in steps:
            part = bytearray()
            one(source, part)
            if place is not None:
                found[place] = part
        for part_of_field in found:
            out += part_of_field

    return straight if in_order else sorted_anew


def _union(steps: list[_Step]) -> _Step:
    def step(source: _Source, out: bytearray) -> None:
        index = source.number()
        if not 0 <= index < len(steps):
            raise bad_index("a union", len(steps))
        steps[index](source, out)

    return step


def _blocks(inner: _Step, written: Type) -> _Step:
    keyed, empty = written.kind == "map", written.kind == "array" and written.parts[0].takes_no_bytes

    def step(source: _Source, out: bytearray) -> None:
        entries, total = bytearray(), 0
        while count := source.number():
            if count < 0:
                count = -count
                source.number()
            left = len(source.data) - source.pos
            if empty and total + count > EMPTY_ITEMS_MAX:
                raise too_many_empty()
            if not empty and count > left:
                raise bad_length(count, left)
            for _ in range(count):
                if keyed:
                    _sized(source, entries)
                inner(source, entries)
            total += count
        if total:
            write_long(out, total, "")
            out += entries
        out.append(0)

    return step


def _enum(written: Type, read: Type) -> _Step:
    places = {symbol: number_bytes(i) for i, symbol in enumerate(read.symbols)}
    default = places.get(read.default) if read.default is not None else None
    codes = [places.get(symbol, default) for symbol in written.symbols]

    def step(source: _Source, out: bytearray) -> None:
        index = source.number()
        if not 0 <= index < len(codes):
            raise bad_index(written.name, len(codes))
        code = codes[index]
        if code is None:
            raise AvroDecodeError(f"{read.name} has no symbol {written.symbols[index]} and no default")
        out += code

    return step


def _fixed(size: int) -> _Step:
    def step(source: _Source, out: bytearray) -> None:
        out += source.raw(size)

    return step


def _sized(source: _Source, out: bytearray) -> None:
    raw = source.raw(source.number())
    write_long(out, len(raw), "")
    out += raw


def _null(source: _Source, out: bytearray) -> None:
    pass


def _long(source: _Source, out: bytearray) -> None:
    write_long(out, source.number(), "")


def _int(source: _Source, out: bytearray) -> None:
    write_long(out, _whole(source, "int"), "")


def _whole(source: _Source, kind: str) -> int:
    value = source.number()
    if kind == "int" and not -0x8000_0000 <= value <= 0x7FFF_FFFF:
        raise AvroDecodeError("an int has more than 32 bits")
    return value


def _copied(kind: str) -> _Step:
    sized = {"bytes": _sized, "string": _sized, "null": _null, "int": _int, "long": _long}
    return sized.get(kind) or _fixed({"boolean": 1, "float": 4, "double": 8}[kind])


def _widened(written: str, read: str) -> _Step:
    if read in {"bytes", "string"}:
        return _sized
    if read == "long":
        return _int
    pack = _FLOAT.pack if read == "float" else _DOUBLE.pack

    def step(source: _Source, out: bytearray) -> None:
        value = _FLOAT.unpack(source.raw(4))[0] if written == "float" else _whole(source, written)
        out += pack(value)

    return step
