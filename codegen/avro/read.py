"""Straight-line Python that reads one record of a schema from bytes.

The code has ``_data`` (bytes), ``_pos`` and ``_end`` as locals and lets ``IndexError`` of ``_data[_pos]`` mean "ends
early"; slices are checked before they are taken, since Python would shorten them silently. Locals begin with an
underscore, which no class of a user does.
"""

from codegen.avro.layout import struct_code
from codegen.avro.names import Names
from codegen.avro.schema import Array, Enumeration, Fixed, Logical, Map, Named, Primitive, Record, Type, Union
from codegen.text import Lines

MICROS_EACH = {"millis": 1000, "micros": 1}
_OF_BYTES = {
    "uuid": "_logical.uuid_of_bytes",
    "duration": "_binary.duration_of",
    "big-decimal": "_logical.big_decimal_of",
}
ONE_BYTE_INDEX_MAX = 64
"""A union's or enum's index fits one byte up to here."""
INLINE_BRANCHES_MAX = 16
"""A union of more branches is a function of its own, without nesting: Python compiles no endless chain of elif."""
INLINE_INDENT_MAX = 12
"""What is nested deeper is a function of its own: Python nests no more than twenty loops."""


def record_reader(record: Record, names: Names, structs: dict[str, str]) -> list[str]:
    """Return the function that reads ``record``. ``structs`` collects struct formats by constant name."""
    out, cls = Lines(), names.classes[record.name]
    reader = _Reader(out, names, cls, deep=record.name in names.recursive)
    reader.head(f"_read_{cls}", cls)
    with out.block():
        if reader.deep:
            out.suite("if _depth > _runtime.NESTING_MAX:", "_runtime.too_deep()")
        reader.fields(record, structs)
        out.add(f"_record = {cls}(")
        for i, name in enumerate(names.fields[record.name].values()):
            out.add(f"    {name}=_f{i},")
        out.add(")")
        out.add("return _record, _pos")
    return [line for part in [*reader.apart, out.lines] for line in ["", "", *part]]


def type_reader(kind: Type, names: Names) -> list[str]:
    """Return the function ``_readtop``, which reads a value of a schema file whose top is no record."""
    out = Lines()
    reader = _Reader(out, names, "top", deep=False)
    reader.head("_readtop", names.annotation(kind))
    with out.block():
        reader.value(kind, "_value")
        out.add("return _value, _pos")
    return [line for part in [*reader.apart, out.lines] for line in ["", "", *part]]


class _Reader:
    """Emits a function; ``apart`` collects others that it calls. ``deep``: it reads a record of a recursive type."""

    def __init__(
        self, out: Lines, names: Names, owner: str, *, deep: bool, apart: list[list[str]] | None = None
    ) -> None:
        self.out = out
        self.names = names
        self.named = names.schema.named
        self.b = names.builtins()
        self.owner = owner
        self.deep = deep
        self.apart: list[list[str]] = [] if apart is None else apart

    def head(self, function: str, result: str) -> None:
        depth = f", _depth: {self.b}int" if self.deep else ""
        arguments = f"_data: {self.b}bytes, _pos: {self.b}int, _end: {self.b}int{depth}"
        self.out.add(f"def {function}({arguments}) -> {self.b}tuple[{result}, {self.b}int]:")

    def fields(self, record: Record, structs: dict[str, str]) -> None:
        """Emit all fields into _f0, _f1, …; neighbours of constant layout are unpacked together."""
        i = 0
        while i < len(record.fields):
            run = i
            codes = []
            while run < len(record.fields) and (code := struct_code(record.fields[run].type, self.named)):
                codes.append(code)
                run += 1
            if codes:
                self._run(record, i, codes, structs)
                i = run
                continue
            self.value(record.fields[i].type, f"_f{i}")
            i += 1

    def _run(self, record: Record, start: int, codes: list[tuple[str, int]], structs: dict[str, str]) -> None:
        constant = struct_constant("".join(code for code, _ in codes), structs)
        width = sum(size for _, size in codes)
        self.out.suite(f"if _end - _pos < {width}:", "raise _runtime.early(_end)")
        targets = ", ".join(f"_f{start + i}" for i in range(len(codes)))
        self.out.add(f"{targets}{',' if len(codes) == 1 else ''} = {constant}.unpack_from(_data, _pos)")
        self.out.add(f"_pos += {width}")
        for i in range(len(codes)):
            kind = record.fields[start + i].type
            if isinstance(kind, Named):
                definition = self.named[kind.name]
                if isinstance(definition, Fixed) and definition.logical:
                    self._from_bytes(definition.logical, f"_f{start + i}", f"_f{start + i}")

    def value(self, kind: Type, target: str) -> None:
        """Emit lines that leave a value of ``kind`` in ``target`` and ``_pos`` behind it."""
        match kind:
            case Primitive():
                self._primitive(kind, target)
            case Named(name):
                self._named(name, target)
            case Union(branches) if len(branches) > INLINE_BRANCHES_MAX:
                self._apart(kind, target)
            case _ if self.out.indentation > INLINE_INDENT_MAX:
                self._apart(kind, target)
            case Array(items):
                self._array(items, target)
            case Map(values):
                self._map(values, target)
            case Union(branches):
                self._union(branches, target)

    def _apart(self, kind: Type, target: str) -> None:
        """Emit the call of a function that reads ``kind``, and put the function aside."""
        inner = _Reader(Lines(), self.names, self.owner, deep=self.deep, apart=self.apart)
        name = f"_readpart_{self.owner}_{len(self.apart)}"
        self.apart.append(inner.out.lines)
        inner.head(name, self.names.annotation(kind))
        with inner.out.block():
            if isinstance(kind, Union) and len(kind.branches) > INLINE_BRANCHES_MAX:
                inner.flat_union(kind)
            else:
                inner.value(kind, "_value")
                inner.out.add("return _value, _pos")
        self.out.add(f"{target}, _pos = {name}(_data, _pos, _end{', _depth' if self.deep else ''})")

    def _primitive(self, kind: Primitive, target: str) -> None:
        add = self.out.add
        match kind.kind:
            case "null":
                add(f"{target} = None")
            case "boolean":
                add(f"{target} = _data[_pos] == 1")
                self.out.suite("if _data[_pos] > 1:", 'raise _runtime.bad_index("a boolean", 2)')
                add("_pos += 1")
            case "int" | "long":
                self._number(kind, target)
            case "float" | "double":
                width, code = (4, "FLOAT") if kind.kind == "float" else (8, "DOUBLE")
                self.out.suite(f"if _end - _pos < {width}:", "raise _runtime.early(_end)")
                add(f"{target} = _{code}.unpack_from(_data, _pos)[0]")
                add(f"_pos += {width}")
            case _:
                self._sized(kind, target)

    def _varint(self, target: str, bits: int = 64) -> None:
        """Emit the zigzag varint; only numbers over 7 bits need the call."""
        add = self.out.add
        add("_n = _data[_pos]")
        add("_pos += 1")
        add("if _n > 127:")
        with self.out.block():
            add("_n, _pos = _runtime.read_varint(_data, _pos, _n)")
            if bits == 32:
                self.out.suite("if _n >> 32:", 'raise _runtime.AvroDecodeError("an int has more than 32 bits")')
        add(f"{target} = (_n >> 1) ^ -(_n & 1)")

    def _number(self, kind: Primitive, target: str) -> None:
        bits = 32 if kind.kind == "int" else 64
        name, _, unit = kind.logical.name.rpartition("-") if kind.logical else ("", "", "")
        if kind.logical is None or unit == "nanos":
            self._varint(target, bits)
            return
        raw = self.out.fresh("_raw")
        if unit == "micros" and name != "time":
            self.out.add("_n, _pos = _runtime.read_moment(_data, _pos)")
            self.out.add(f"{raw} = (_n >> 1) ^ -(_n & 1)")
        else:
            self._varint(raw, bits)
        match name:
            case "timestamp" | "local-timestamp" | "time":
                function = name.replace("-", "_")
                self.out.add(f"{target} = _logical.{function}_of({raw}, {MICROS_EACH[unit]})")
            case _:
                self.out.add(f"{target} = _logical.date_of({raw})")

    def _length(self, target: str) -> None:
        self._varint(target)
        self.out.suite(f"if not 0 <= {target} <= _end - _pos:", f"raise _runtime.bad_length({target}, _end - _pos)")

    def _sized(self, kind: Primitive, target: str) -> None:
        size = self.out.fresh("_size")
        self._length(size)
        if kind.kind == "bytes":
            raw = f"_data[_pos : _pos + {size}]"
            if kind.logical:
                self._from_bytes(kind.logical, target, raw)
            else:
                self.out.add(f"{target} = {raw}")
        else:
            text = f'_data[_pos : _pos + {size}].decode("utf-8")'
            self.out.add(f"{target} = _logical.uuid_of({text})" if kind.logical else f"{target} = {text}")
        self.out.add(f"_pos += {size}")

    def _from_bytes(self, logical: Logical, target: str, raw: str) -> None:
        add = self.out.add
        if logical.name != "decimal":
            add(f"{target} = {_OF_BYTES[logical.name]}({raw})")
            return
        limit = f"{10**logical.precision:_}"
        add(f'_n = {self.b}int.from_bytes({raw}, "big", signed=True)')
        self.out.suite(f"if not -{limit} < _n < {limit}:", f"raise _runtime.bad_digits({logical.precision})")
        add(f"{target} = _logical.scaled(_n, _UNIT_{logical.scale})")

    def _named(self, name: str, target: str) -> None:
        match self.named[name]:
            case Record():
                depth = (", _depth + 1" if self.deep else ", 0") if name in self.names.recursive else ""
                self.out.add(f"{target}, _pos = _read_{self.names.classes[name]}(_data, _pos, _end{depth})")
            case Fixed(_, size, logical):
                self.out.suite(f"if _end - _pos < {size}:", "raise _runtime.early(_end)")
                raw = f"_data[_pos : _pos + {size}]"
                if logical:
                    self._from_bytes(logical, target, raw)
                else:
                    self.out.add(f"{target} = {raw}")
                self.out.add(f"_pos += {size}")
            case Enumeration(_, symbols):
                index, cls = self.out.fresh("_index"), self.names.classes[name]
                self._index(index, len(symbols), cls)
                self.out.add(f"{target} = _members_{cls}[{index}]")

    def _index(self, target: str, count: int, what: str) -> None:
        """Emit an enum's or union's index, checked. Up to 64 it is one byte, twice the index."""
        add = self.out.add
        if count <= ONE_BYTE_INDEX_MAX:
            add("_n = _data[_pos]")
            add("_pos += 1")
            self.out.suite(f"if _n > {2 * count - 2} or _n & 1:", f'raise _runtime.bad_index("{what}", {count})')
            add(f"{target} = _n >> 1")
            return
        self._varint(target)
        self.out.suite(f"if not 0 <= {target} < {count}:", f'raise _runtime.bad_index("{what}", {count})')

    def _union(self, branches: tuple[Type, ...], target: str) -> None:
        index = self.out.fresh("_branch")
        self._index(index, len(branches), "a union")
        self.out.add(f"{target}: {self.names.annotation(Union(branches))}")
        for i, branch in enumerate(branches):
            self.out.add(f"{'el' if i else ''}if {index} == {i}:" if i < len(branches) - 1 or not i else "else:")
            with self.out.block():
                self.value(branch, target)

    def flat_union(self, union: Union) -> None:
        """Emit the body of a function that reads a union of many branches."""
        self._index("_branch", len(union.branches), "a union")
        self.out.add(f"_value: {self.names.annotation(union)}")
        for i, branch in enumerate(union.branches):
            self.out.add(f"if _branch == {i}:")
            with self.out.block():
                self.value(branch, "_value")
                self.out.add("return _value, _pos")
        self.out.add(f'raise _runtime.bad_index("a union", {len(union.branches)})')

    def _blocks(self, width_min: int, count: str, found: str) -> None:
        """Emit the head of a block loop: leaves the number of entries in ``count``, or ends the loop."""
        add = self.out.add
        self._varint(count)
        self.out.suite(f"if {count} == 0:", "break")
        add(f"if {count} < 0:")
        with self.out.block():
            add(f"{count} = -{count}")
            self._varint(self.out.fresh("_skip"))
        if width_min == 0:  # nothing that is left bounds them
            self.out.suite(
                f"if {count} > _runtime.EMPTY_ITEMS_MAX - {self.b}len({found}):", "raise _runtime.too_many_empty()"
            )
            return
        left = "_end - _pos" if width_min == 1 else f"(_end - _pos) // {width_min}"
        self.out.suite(f"if {count} > {left}:", f"raise _runtime.bad_length({count}, _end - _pos)")

    def _array(self, items: Type, target: str) -> None:
        out, b = self.out, self.b
        found, count, item = out.fresh("_items"), out.fresh("_count"), out.fresh("_item")
        out.add(f"{found}: {b}list[{self.names.annotation(items)}] = []")
        out.add("while True:")
        with out.block():
            self._blocks(self.names.width(items), count, found)
            out.add(f"for _ in {b}range({count}):")
            with out.block():
                self.value(items, item)
                out.add(f"{found}.append({item})")
        out.add(f"{target} = {b}tuple({found})")

    def _map(self, values: Type, target: str) -> None:
        out, b, found, count = self.out, self.b, self.out.fresh("_entries"), self.out.fresh("_count")
        key, item = self.out.fresh("_key"), self.out.fresh("_item")
        out.add(f"{found}: {b}dict[{b}str, {self.names.annotation(values)}] = {{}}")
        out.add("while True:")
        with out.block():
            self._blocks(1 + self.names.width(values), count, found)
            out.add(f"for _ in {b}range({count}):")
            with out.block():
                self._sized(Primitive("string"), key)
                self.value(values, item)
                out.add(f"{found}[{key}] = {item}")
        out.add(f"{target} = {found}")


def struct_constant(code: str, structs: dict[str, str]) -> str:
    """Return the constant of a struct format, adding it to ``structs``."""
    for constant, known in structs.items():
        if known == code:
            return constant
    constant = f"_STRUCT_{len(structs)}"
    structs[constant] = code
    return constant
