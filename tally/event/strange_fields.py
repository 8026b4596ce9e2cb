"""Reading the fields that we know of a stranger's record, and stepping over the others without descending into them.

fastavro steps over a field by C calls, one for each level of the value: some thousands of levels, of a recursive record
or of types that hold each other in a row, end the process (seen with 1.13.1). It also visits parts one by one that have
no bytes: 2**62 nulls of an array, or a record of two records of two records and so on, never end. A schema that can do
neither is left to fastavro.
Of any other the fields that we know are read by fastavro, which follows only types that can be ours, and the rest is
stepped over here: bytes, order and errors are fastavro's, with a stack of our own. What has one width is moved over at
once, and what holds a single other thing is that thing. So every other step takes a byte, and the bytes bound the time.
"""

import io
from collections.abc import Iterator, Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, TypeAlias

import fastavro

_WIDTHS: Final = {"null": 0, "boolean": 1, "float": 4, "double": 8}
_NUMBERS: Final = frozenset({"int", "long", "enum"})
_TEXTS: Final = frozenset({"string", "bytes"})
_RECORDS: Final = frozenset({"record", "error"})
_NAMED: Final = _RECORDS | {"enum", "fixed"}
_ITEMS: Final = {"array": "items", "map": "values"}
_OWN_NAMES: Final = _WIDTHS.keys() | _NUMBERS | _TEXTS | _NAMED | _ITEMS.keys() | {"union", "error_union", "request"}
"""Avro's own: a stranger may give them to types of hers, and nobody who uses them means these."""
_VISITS_MAX: Final = 500
"""How many types fastavro may visit for us before it must meet a byte, and so how deep it may go: it was seen to end a
process between 1,000 and 10,000 levels."""
_I64_MAX: Final = (1 << 63) - 1
_U64: Final = (1 << 64) - 1
_ALL: Final = 1 << 64
"""Moves to the end of any bytes."""
_FASTAVROS: Final = ("__fastavro_parsed", "__named_schemas")

Step: TypeAlias = Any
"""Bytes to move over (an int), a type of which each value has a byte at least, or both in a row (a tuple)."""

WHY_DANGEROUS: Final = "its schema has a type within itself, hundreds of types in one value, or items without bytes"


def parsed(schema: Any) -> Any:
    """Return a stranger's schema parsed by fastavro. Raises what fastavro raises.

    fastavro believes a schema that bears its own mark, with the types that stand beside it: those of a stranger would
    be read by types that nobody has looked at.
    """
    if isinstance(schema, list):
        return [parsed(branch) for branch in schema]
    if isinstance(schema, dict):
        schema = {name: value for name, value in schema.items() if name not in _FASTAVROS}
    return fastavro.parse_schema(schema)


class StrangeFields:
    """The named types of a schema that ``parsed`` has returned, and what is dangerous among them.

    ``is_dangerous``: fastavro alone must not step over a value of it.
    """

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._named: dict[str, Any] = {}
        self._steps: dict[str, tuple[Step, ...]] = {}
        """Of records; of one without an end, which holds itself with no choice between, there are none."""
        arrays: list[Any] = []
        self._collect(writer, arrays)
        self._measure_records()
        visits = self._measured_visits()
        self.is_dangerous = (
            visits.keys() != self._named.keys()
            or _visits(writer, visits) > _VISITS_MAX
            or any(_is_width(self._steps_of(each["items"])) for each in arrays)
        )

    def read(self, stream: io.BytesIO, reader: Any) -> dict[str, Any]:
        """Return the reader's fields of one record, as ``fastavro.schemaless_reader`` does, with its errors."""
        if _last(self._writer["name"]) != _last(reader["name"]):
            raise fastavro.read.SchemaResolutionError(f"{self._writer['name']} is not {reader['name']}")
        ours = {field["name"]: field for field in reader["fields"]}
        found: dict[str, Any] = {}
        for field in self._writer["fields"]:
            own = ours.pop(field["name"], None)
            if own is None:
                self._step_over(field["type"], stream)
            else:
                found[field["name"]] = fastavro.schemaless_reader(stream, self._stand_alone(field["type"]), own["type"])
        for name, own in ours.items():
            if "default" not in own:
                raise fastavro.read.SchemaResolutionError(f"No default value for field {name} in {reader['name']}")
            found[name] = own["default"]
        return found

    def _collect(self, kind: Any, arrays: list[Any]) -> None:
        if isinstance(kind, dict):
            if kind["type"] in _NAMED:
                self._named[kind["name"]] = kind
            if kind["type"] == "array":
                arrays.append(kind)
        if not isinstance(kind, str):
            for part in _parts(kind):
                self._collect(part, arrays)

    def _measure_records(self) -> None:
        records = {name: kind for name, kind in self._named.items() if kind["type"] in _RECORDS}
        held = {name: {_name_of(part) for part in _parts(kind)} & records.keys() for name, kind in records.items()}
        for name in _inside_out(held):
            self._steps[name] = self._in_a_row(_parts(records[name]))

    def _measured_visits(self) -> dict[str, int]:
        """Return how many types a value of each named one may visit; one that may hold itself is left out."""
        visits: dict[str, int] = {}
        for name in _inside_out({name: self._names_in(kind) for name, kind in self._named.items()}):
            visits[name] = _visits(self._named[name], visits)
        return visits

    def _names_in(self, kind: Any) -> set[str]:
        names: set[str] = set()
        left = _parts(kind)
        while left:
            part = left.pop()
            if name := _name_of(part):
                names.add(name)
            elif not isinstance(part, str):
                left += _parts(part)
        return names & self._named.keys()

    def _in_a_row(self, kinds: list[Any]) -> tuple[Step, ...]:
        """Return the steps over several values, with neighbouring widths as one."""
        steps: list[Step] = []
        for step in (step for kind in kinds for step in self._steps_of(kind)):
            if isinstance(step, int) and steps and isinstance(steps[-1], int):
                steps[-1] += step
            else:
                steps.append(step)
        return tuple(steps)

    def _steps_of(self, kind: Any) -> tuple[Step, ...]:
        """Return the steps over one value; a record that holds two things with bytes to look at is such a step."""
        if isinstance(kind, list):
            return (kind,)
        definition = self._definition(kind)
        name = definition if isinstance(definition, str) else definition["type"]
        if name in _WIDTHS:
            return (_WIDTHS[name],)
        if isinstance(definition, str):
            return (definition,)
        if name == "fixed":
            return _steps_of_fixed(definition)
        inner = self._steps.get(definition["name"]) if name in _RECORDS else None
        if inner is not None and sum(not isinstance(step, int) for step in inner) < 2:
            return inner
        return (definition,)

    def _definition(self, kind: Any) -> Any:
        return self._named.get(_name_of(kind), kind) if isinstance(kind, str) else kind

    def _stand_alone(self, kind: Any, known: set[str] | None = None) -> Any:
        """Return a type with each named type defined where it is first used, and without what others hold.

        None of our types holds others, so what a stranger's does makes no difference to us.
        """
        known = set() if known is None else known
        if isinstance(kind, list):
            return [self._stand_alone(branch, known) for branch in kind]
        definition = self._definition(kind)
        if isinstance(definition, str):
            return definition
        if definition["type"] in _NAMED:
            if definition["name"] in known:
                return definition["name"]
            known.add(definition["name"])
        made = {name: value for name, value in definition.items() if not name.startswith("__")}
        return made | {name: hollow for name, hollow in _HOLLOW.items() if name in made}

    def _step_over(self, kind: Any, stream: io.BytesIO) -> None:
        """Move behind one value. Raises what fastavro would: EOFError, IndexError, TypeError and others."""
        # What is left, the next last: how often, and from which part on. One place a record, since parts may be many.
        left: list[tuple[Step, int, int]] = [(self._steps_of(kind), 1, 0)]
        while left:
            step, times, place = left.pop()
            if isinstance(step, int):
                stream.seek(min(stream.tell() + step * times, len(stream.getbuffer())))
                continue
            if isinstance(step, tuple) and place + 1 < len(step):
                left.append((step, times, place + 1))
            elif times > 1:
                left.append((step, times - 1, 0))
            if isinstance(step, tuple):
                left += [(each, 1, 0) for each in step[place : place + 1]]
            else:
                left += [(each, often, 0) for each, often in self._opened(step, stream)]

    def _opened(self, kind: Any, stream: io.BytesIO) -> list[tuple[Step, int]]:
        """Step over the beginning of a value, and return what is left of it, the next last."""
        if isinstance(kind, list):
            return [(self._steps_of(kind[_long(stream)]), 1)]
        name = kind if isinstance(kind, str) else kind["type"]
        if name in _TEXTS:
            stream.read(_long(stream))
        elif name in _NUMBERS:
            _long(stream)
        elif isinstance(kind, str):
            raise TypeError(f"{kind} is no type")
        elif name in _ITEMS:
            return self._block(kind, stream)
        elif name == "fixed":
            stream.read(kind["size"])
        elif kind["name"] in self._steps:
            return [(self._steps[kind["name"]], 1)]
        else:
            raise ValueError(f"{kind['name']} has no end")
        return []

    def _block(self, kind: Any, stream: io.BytesIO) -> list[tuple[Step, int]]:
        """Step over the count of a block of an array or map, and return its items and the block behind it."""
        count = _long(stream)
        if count == 0:
            return []
        if count < 0:  # the bytes of the block are told
            stream.read(_long(stream))
            return [(kind, 1)]
        item = self._steps_of(kind["items"]) if kind["type"] == "array" else ("string", *self._steps_of(kind["values"]))
        return [(kind, 1), (sum(item) if _is_width(item) else item, count)]


_HOLLOW: Final[Mapping[str, Any]] = {"fields": [], "items": "null", "values": "null"}


def _steps_of_fixed(kind: Any) -> tuple[Step, ...]:
    """Return the steps over bytes as many as a schema says, which fastavro asks for as it is said."""
    size = kind["size"]
    if size is None or (isinstance(size, int) and -_I64_MAX - 1 <= size < 0):
        return (_ALL,)
    return (int(size),) if isinstance(size, int) and 0 <= size <= _I64_MAX else (kind,)


def _is_width(steps: tuple[Step, ...]) -> bool:
    """Tell whether these steps only move on by bytes, whatever the value is."""
    return all(isinstance(step, int) for step in steps)


def _inside_out(held: Mapping[str, set[str]]) -> Iterator[str]:
    """Yield names after all that they hold; never one that holds itself, or one that does."""
    sorter = TopologicalSorter(held)
    with suppress(CycleError):
        sorter.prepare()
    while ready := sorter.get_ready():
        yield from ready
        sorter.done(*ready)


def _visits(kind: Any, known: Mapping[str, int]) -> int:
    """Return how many types a value may visit before it must meet another byte than those of an item or a branch."""
    name = _name_of(kind)
    if name in known or isinstance(kind, str):
        return known.get(name, 1)
    parts = [_visits(part, known) for part in _parts(kind)]
    return 1 + (max(parts, default=0) if isinstance(kind, list) else sum(parts))


def _parts(kind: Any) -> list[Any]:
    if isinstance(kind, list):
        return list(kind)
    if kind["type"] in _RECORDS:
        return [field["type"] for field in kind["fields"]]
    if kind["type"] in _ITEMS:
        return [kind[_ITEMS[kind["type"]]]]
    return [] if kind["type"] in _NAMED else [kind["type"]]


def _name_of(kind: Any) -> str:
    """Return the name of a type that has one, or "" for any other."""
    if isinstance(kind, str):
        return "" if kind in _OWN_NAMES else kind
    return str(kind["name"]) if isinstance(kind, dict) and kind["type"] in _NAMED else ""


def _long(stream: io.BytesIO) -> int:
    first = stream.read(1)
    if not first:
        raise EOFError
    byte = first[0]
    number, shift = byte & 0x7F, 7
    while byte & 0x80:
        byte = stream.read(1)[0]
        number |= (byte & 0x7F) << shift % 64
        shift += 7
    number &= _U64
    return (number >> 1) ^ -(number & 1)


def _last(name: str) -> str:
    return name.rsplit(".", 1)[-1]
