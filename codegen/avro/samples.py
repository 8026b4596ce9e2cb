"""Bytes of values of a schema in which every branch and every symbol comes up, to try generated code with."""

from collections.abc import Iterator
from typing import Final

from codegen.avro.runtime._default_bytes import number_bytes
from codegen.avro.schema import Array, AvroFile, Enumeration, Fixed, Logical, Map, Named, Primitive, Record, Type, Union

_RECORDS_MAX: Final = 500
"""In one value. Behind them arrays and maps are empty, and unions are of something else where they can be."""
_FRUITLESS_MAX: Final = 16
"""Values one after the other in which nothing came up that had not before."""
_BYTES_MAX: Final = 1 << 20
_PRIMITIVES: Final = {"null": b"", "boolean": b"\1", "float": b"\0\0\0\x3f", "double": b"\0\0\0\0\0\0\0\x3f"}
_UUID: Final = "00000000-0000-0000-0000-000000000007"


def samples(schema: AvroFile) -> Iterator[bytes]:
    """Yield values of the top type until each branch and symbol was there, or a limit is met."""
    sampler = _Sampler(schema)
    written = fruitless = 0
    while fruitless < _FRUITLESS_MAX and written < _BYTES_MAX:
        before = len(sampler.made)
        value = sampler.sample(schema.top)
        written += len(value)
        yield value
        if sampler.made == sampler.choices:
            return
        fruitless = 0 if len(sampler.made) > before else fruitless + 1


class _Sampler:
    """``choices`` are the pairs of a union or enum, by its identity, and an index; ``made`` those that came up."""

    def __init__(self, schema: AvroFile) -> None:
        self.named = schema.named
        self.choices: set[tuple[int, int]] = set()
        self.made: set[tuple[int, int]] = set()
        self._turn: dict[int, int] = {}
        self._records = 0

    def sample(self, kind: Type) -> bytes:
        """Return the next value."""
        self._records = 0
        return self._value(kind, ())

    def _choice(self, place: object, allowed: list[int]) -> int:
        """Return one of the allowed indexes: one that did not come up, else in turn."""
        turn = self._turn.get(id(place), 0)
        self._turn[id(place)] = turn + 1
        new = [i for i in allowed if (id(place), i) not in self.made]
        choice = new[0] if new else allowed[turn % len(allowed)]
        self.made.add((id(place), choice))
        return choice

    def _value(self, kind: Type, within: tuple[str, ...]) -> bytes:
        match kind:
            case Primitive(name, logical):
                return _primitive(name, logical)
            case Array(items):
                return self._block(items, b"", within)
            case Map(values):
                return self._block(values, b"\2k", within)
            case Union(branches):
                self.choices |= {(id(kind), i) for i in range(len(branches))}
                every = list(range(len(branches)))
                choice = self._choice(kind, [i for i in every if not self._leads_on(branches[i], within)] or every)
                return number_bytes(choice) + self._value(branches[choice], within)
            case Named(name):
                return self._named(name, within)

    def _block(self, kind: Type, key: bytes, within: tuple[str, ...]) -> bytes:
        """Return an array or a map of one entry, or of none where it would have no end."""
        return b"\0" if self._leads_on(kind, within) else b"\2" + key + self._value(kind, within) + b"\0"

    def _leads_on(self, kind: Type, within: tuple[str, ...]) -> bool:
        """Tell whether a type is a record that is to be left out here: twice around it, or one too many."""
        if not isinstance(kind, Named) or not isinstance(self.named[kind.name], Record):
            return False
        return within.count(kind.name) > 1 or self._records > _RECORDS_MAX

    def _named(self, name: str, within: tuple[str, ...]) -> bytes:
        match self.named[name]:
            case Record(_, fields):
                self._records += 1
                return b"".join(self._value(field.type, (*within, name)) for field in fields)
            case Enumeration(_, symbols) as enum:
                self.choices |= {(id(enum), i) for i in range(len(symbols))}
                return number_bytes(self._choice(enum, list(range(len(symbols)))))
            case Fixed(_, size):
                return (7).to_bytes(size, "big") if size else b""


def _primitive(name: str, logical: Logical | None) -> bytes:
    if name in _PRIMITIVES:
        return _PRIMITIVES[name]
    if name in {"int", "long"}:
        return b"\2"
    if logical is None:
        return b"\4\xc3\xa9"
    if name == "string":
        return number_bytes(len(_UUID)) + _UUID.encode()
    return b"\2\7" if logical.name == "decimal" else b"\6\2\7\4"
