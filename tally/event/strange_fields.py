"""Reading the fields that we know of a stranger's record, and stepping over the others without descending into them.

fastavro steps over a field by C calls, one for each level of the value: some thousands of levels, of a recursive record
or of types that hold each other in a row, end the process (seen with 1.13.1). It also takes the items of an array one
by one, and an item that is null, or of a fixed width at the end of the bytes, costs the writer nothing: 2**62 of them
never end. A schema that can do neither is left to fastavro.
Of any other the fields that we know are read by fastavro, which follows only types that can be ours, and the rest is
stepped over here: bytes, order and errors are fastavro's, with a stack of our own and with such items counted at once.
"""

import io
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final

import fastavro

_WIDTHS: Final = {"null": 0, "boolean": 1, "float": 4, "double": 8}
_NUMBERS: Final = frozenset({"int", "long", "enum"})
_TEXTS: Final = frozenset({"string", "bytes"})
_RECORDS: Final = frozenset({"record", "error"})
_NAMED: Final = _RECORDS | {"enum", "fixed"}
_ITEMS: Final = {"array": "items", "map": "values"}
_LEVELS_MAX: Final = 500
"""As deep as fastavro goes for us; it was seen to end a process between 1,000 and 10,000."""
_U64: Final = (1 << 64) - 1


WHY_DANGEROUS: Final = "its schema has a type within itself, types in a row, or an array of items without bytes"


class StrangeFields:
    """The named types of a schema that fastavro has parsed, and what is dangerous among them.

    ``is_dangerous``: fastavro alone must not step over a value of it.
    """

    def __init__(self, writer: Any) -> None:
        self._writer = writer
        self._named: dict[str, Any] = {}
        self._widths: dict[str, int | None] = {}
        self._levels: dict[str, int] = {}
        arrays: list[Any] = []
        self._collect(writer, arrays)
        self._measure()
        self._endless = self._records_without_end()
        self.is_dangerous = (
            self._levels.keys() != self._named.keys()
            or self._levels_of(writer) > _LEVELS_MAX
            or any(self._width(each["items"]) is not None for each in arrays)
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

    def _measure(self) -> None:
        """Measure each named type after those that it holds; one that holds itself, or such a type, is left out."""
        sorter = TopologicalSorter({name: self._names_in(kind) for name, kind in self._named.items()})
        with suppress(CycleError):
            sorter.prepare()
        while ready := sorter.get_ready():
            for name in ready:
                definition = self._named[name]
                self._levels[name] = 1 + max(map(self._levels_of, _parts(definition)), default=0)
                if definition["type"] in _RECORDS:
                    self._widths[name] = self._width_of_all([field["type"] for field in definition["fields"]])
            sorter.done(*ready)

    def _records_without_end(self) -> set[str]:
        """Return the records that hold themselves, or such a record, with no choice and no count between."""
        records = {name: kind for name, kind in self._named.items() if kind["type"] in _RECORDS}
        direct = {name: {_name_of(field["type"]) for field in kind["fields"]} for name, kind in records.items()}
        sorter = TopologicalSorter({name: names & records.keys() for name, names in direct.items()})
        endless = set(records)
        with suppress(CycleError):
            sorter.prepare()
        while ready := sorter.get_ready():
            endless.difference_update(ready)
            sorter.done(*ready)
        return endless

    def _levels_of(self, kind: Any) -> int:
        if isinstance(kind, str):
            return self._levels.get(kind, 1)
        if isinstance(kind, dict) and kind["type"] in _NAMED:
            return self._levels.get(kind["name"], 1)
        return 1 + max(map(self._levels_of, _parts(kind)), default=0)

    def _names_in(self, kind: Any) -> set[str]:
        names: set[str] = set()
        left = _parts(kind)
        while left:
            part = left.pop()
            if isinstance(part, str):
                names.add(part)
            elif isinstance(part, list):
                left += part
            elif part["type"] in _NAMED:
                names.add(part["name"])
            else:
                left += _parts(part)
        return names & self._named.keys()

    def _width(self, kind: Any) -> int | None:
        """Return the bytes of any value of a type of which no step fails at the end of the bytes; else None."""
        if isinstance(kind, list):
            return None
        definition = self._definition(kind)
        if isinstance(definition, str):
            return _WIDTHS.get(definition)
        if definition["type"] == "fixed":
            size: int = definition["size"]
            return size
        if definition["type"] not in _RECORDS:
            return _WIDTHS.get(definition["type"])
        return self._widths.get(definition["name"])

    def _width_of_all(self, kinds: list[Any]) -> int | None:
        widths = [self._width(kind) for kind in kinds]
        return None if None in widths else sum(width for width in widths if width is not None)

    def _definition(self, kind: Any) -> Any:
        name = kind if isinstance(kind, str) else kind["type"]
        return self._named.get(name, kind)

    def _stand_alone(self, kind: Any, known: set[str] | None = None) -> Any:
        """Return a type with each named type defined where it is first used."""
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
        for name in _ITEMS.values():
            if name in made:
                made[name] = self._stand_alone(made[name], known)
        if "fields" in made:
            made["fields"] = [field | {"type": self._stand_alone(field["type"], known)} for field in made["fields"]]
        return made

    def _step_over(self, kind: Any, stream: io.BytesIO) -> None:
        """Move behind one value. Raises what fastavro would: EOFError, IndexError or KeyError."""
        # What is left to do, the next last: types in their order, and how often.
        left: list[tuple[list[Any], int]] = [([kind], 1)]
        while left:
            kinds, times = left.pop()
            width = self._width_of_all(kinds)
            if width is not None:
                stream.seek(min(stream.tell() + width * times, len(stream.getbuffer())))
                continue
            if times > 1:
                left.append((kinds, times - 1))
            if len(kinds) > 1:
                left += [([each], 1) for each in reversed(kinds)]
            else:
                left += self._opened(kinds[0], stream)

    def _opened(self, kind: Any, stream: io.BytesIO) -> list[tuple[list[Any], int]]:
        """Step over the beginning of a value, and return what is left of it, the next last."""
        if isinstance(kind, list):
            return [([kind[_long(stream)]], 1)]
        definition = self._definition(kind)
        name = definition if isinstance(definition, str) else definition["type"]
        if name in _RECORDS:
            if definition["name"] in self._endless:
                raise ValueError(f"{definition['name']} has no end")
            return [([field["type"] for field in definition["fields"]], 1)]
        if name in _NUMBERS or name in _TEXTS:
            number = _long(stream)
            if name in _TEXTS:
                stream.read(number)
            return []
        return self._block(definition, stream)

    @staticmethod
    def _block(kind: Any, stream: io.BytesIO) -> list[tuple[list[Any], int]]:
        """Step over the count of a block of an array or map, and return its items and the block behind it."""
        count = _long(stream)
        if count == 0:
            return []
        if count < 0:  # the bytes of the block are told
            stream.read(_long(stream))
            return [([kind], 1)]
        item = [kind["items"]] if kind["type"] == "array" else ["string", kind["values"]]
        return [([kind], 1), (item, count)]


def _parts(kind: Any) -> list[Any]:
    if isinstance(kind, list):
        return list(kind)
    if kind["type"] in _RECORDS:
        return [field["type"] for field in kind["fields"]]
    if kind["type"] in _ITEMS:
        return [kind[_ITEMS[kind["type"]]]]
    return [] if kind["type"] in _NAMED else [kind["type"]]


def _name_of(kind: Any) -> str:
    if isinstance(kind, list):
        return ""
    return str(kind if isinstance(kind, str) else kind.get("name", kind["type"]))


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
