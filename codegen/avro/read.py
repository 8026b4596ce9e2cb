"""Straight-line Python that reads one record of a schema from bytes.

The code has ``data`` (bytes), ``pos`` and ``end`` as locals and lets ``IndexError`` of ``data[pos]`` mean "ends early";
slices are checked before they are taken, since Python would shorten them silently.
"""

from codegen.avro.layout import min_width, recursive, struct_code
from codegen.avro.names import Names, field_name
from codegen.avro.schema import Array, Enumeration, Fixed, Logical, Map, Named, Primitive, Record, Type, Union
from codegen.errors import ContractError
from codegen.text import Lines

MICROS_EACH = {"millis": 1000, "micros": 1}
_ONE_BYTE_INDEX_MAX = 64


def record_reader(record: Record, names: Names, structs: dict[str, str]) -> list[str]:
    """Return the function that reads ``record``. ``structs`` collects struct formats by constant name."""
    out = Lines()
    deep = recursive(record, names.schema.named)
    name, cls = names.function(record.name), names.classes[record.name]
    depth = ", depth: int" if deep else ""
    out.add(f"def _read_{name}(data: bytes, pos: int, end: int{depth}) -> tuple[{cls}, int]:")
    with out.block():
        if deep:
            out.suite("if depth > _runtime.NESTING_MAX:", "_runtime.too_deep()")
        reader = _Reader(out, names, "depth + 1" if deep else "0", cls)
        reader.fields(record, structs)
        out.add(f"record = {cls}(")
        for i, field in enumerate(record.fields):
            out.add(f"    {field_name(field)}=f{i},")
        out.add(")")
        out.add("return record, pos")
    return out.lines


class _Reader:
    def __init__(self, out: Lines, names: Names, depth: str, cls: str) -> None:
        self.out = out
        self.names = names
        self.named = names.schema.named
        self.depth = depth
        self.cls = cls
        self.where = ""

    def fields(self, record: Record, structs: dict[str, str]) -> None:
        """Emit all fields into f0, f1, …; neighbours of constant layout are unpacked together."""
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
            self.where = record.fields[i].path
            self.value(record.fields[i].type, f"f{i}")
            i += 1

    def _run(self, record: Record, start: int, codes: list[tuple[str, int]], structs: dict[str, str]) -> None:
        constant = struct_constant("".join(code for code, _ in codes), structs)
        width = sum(size for _, size in codes)
        self.out.suite(f"if end - pos < {width}:", "raise _runtime.early(end)")
        targets = ", ".join(f"f{start + i}" for i in range(len(codes)))
        self.out.add(f"{targets}{',' if len(codes) == 1 else ''} = {constant}.unpack_from(data, pos)")
        self.out.add(f"pos += {width}")
        for i in range(len(codes)):
            kind = record.fields[start + i].type
            if isinstance(kind, Named):
                definition = self.named[kind.name]
                if isinstance(definition, Fixed) and definition.logical:
                    self._from_bytes(definition.logical, f"f{start + i}", f"f{start + i}")

    def value(self, kind: Type, target: str) -> None:
        """Emit lines that leave a value of ``kind`` in ``target`` and ``pos`` behind it."""
        match kind:
            case Primitive():
                self._primitive(kind, target)
            case Named(name):
                self._named(name, target)
            case Array(items):
                self._array(items, target)
            case Map(values):
                self._map(values, target)
            case Union(branches):
                self._union(branches, target)

    def _primitive(self, kind: Primitive, target: str) -> None:
        add = self.out.add
        match kind.kind:
            case "null":
                add(f"{target} = None")
            case "boolean":
                add(f"{target} = data[pos] == 1")
                self.out.suite("if data[pos] > 1:", 'raise _runtime.bad_index("a boolean", 2)')
                add("pos += 1")
            case "int" | "long":
                self._number(kind, target)
            case "float" | "double":
                width, code = (4, "FLOAT") if kind.kind == "float" else (8, "DOUBLE")
                self.out.suite(f"if end - pos < {width}:", "raise _runtime.early(end)")
                add(f"{target} = _{code}.unpack_from(data, pos)[0]")
                add(f"pos += {width}")
            case _:
                self._sized(kind, target)

    def _varint(self, target: str, bits: int = 64) -> None:
        """Emit the zigzag varint; only numbers over 7 bits need the call."""
        add = self.out.add
        add("n = data[pos]")
        add("pos += 1")
        add("if n > 127:")
        with self.out.block():
            add("n, pos = _runtime.read_varint(data, pos, n)")
            if bits == 32:
                self.out.suite("if n >> 32:", 'raise _runtime.AvroDecodeError("an int has more than 32 bits")')
        add(f"{target} = (n >> 1) ^ -(n & 1)")

    def _number(self, kind: Primitive, target: str) -> None:
        bits = 32 if kind.kind == "int" else 64
        if kind.logical is None:
            self._varint(target, bits)
            return
        raw = self.out.fresh("raw")
        name, _, unit = kind.logical.name.rpartition("-")
        if unit == "micros" and name != "time":
            self.out.add("n, pos = _runtime.read_moment(data, pos)")
            self.out.add(f"{raw} = (n >> 1) ^ -(n & 1)")
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
        self.out.suite(f"if not 0 <= {target} <= end - pos:", f"raise _runtime.bad_length({target}, end - pos)")

    def _sized(self, kind: Primitive, target: str) -> None:
        size = self.out.fresh("size")
        self._length(size)
        if kind.kind == "bytes":
            raw = f"data[pos : pos + {size}]"
            if kind.logical:
                self._from_bytes(kind.logical, target, raw)
            else:
                self.out.add(f"{target} = {raw}")
        else:
            text = f'data[pos : pos + {size}].decode("utf-8")'
            self.out.add(f"{target} = _logical.uuid_of({text})" if kind.logical else f"{target} = {text}")
        self.out.add(f"pos += {size}")

    def _from_bytes(self, logical: Logical, target: str, raw: str) -> None:
        add = self.out.add
        if logical.name == "uuid":
            add(f"{target} = _logical.uuid_of_bytes({raw})")
            return
        limit = f"{10**logical.precision:_}"
        add(f'n = int.from_bytes({raw}, "big", signed=True)')
        self.out.suite(f"if not -{limit} < n < {limit}:", f"raise _runtime.bad_digits({logical.precision})")
        add(f"{target} = _logical.scaled(n, _UNIT_{logical.scale})")

    def _named(self, name: str, target: str) -> None:
        definition = self.named[name]
        match definition:
            case Record():
                depth = f", {self.depth}" if recursive(definition, self.named) else ""
                self.out.add(f"{target}, pos = _read_{self.names.function(name)}(data, pos, end{depth})")
            case Fixed(_, size, logical, _):
                self.out.suite(f"if end - pos < {size}:", "raise _runtime.early(end)")
                raw = f"data[pos : pos + {size}]"
                if logical:
                    self._from_bytes(logical, target, raw)
                else:
                    self.out.add(f"{target} = {raw}")
                self.out.add(f"pos += {size}")
            case Enumeration(_, symbols, _):
                index = self.out.fresh("index")
                self._index(index, len(symbols), self.names.classes[name])
                self.out.add(f"{target} = _{self.names.constant(name)}_BY_CODE[{index}]")

    def _index(self, target: str, count: int, what: str) -> None:
        """Emit an enum's or union's index, checked. Up to 64 it is one byte, twice the index."""
        add = self.out.add
        if count <= _ONE_BYTE_INDEX_MAX:
            add("n = data[pos]")
            add("pos += 1")
            self.out.suite(f"if n > {2 * count - 2} or n & 1:", f'raise _runtime.bad_index("{what}", {count})')
            add(f"{target} = n >> 1")
            return
        self._varint(target)
        self.out.suite(f"if not 0 <= {target} < {count}:", f'raise _runtime.bad_index("{what}", {count})')

    def _union(self, branches: tuple[Type, ...], target: str) -> None:
        index = self.out.fresh("branch")
        self._index(index, len(branches), "a union")
        self.out.add(f"{target}: {self.names.annotation(Union(branches))}")
        for i, branch in enumerate(branches):
            self.out.add(f"{'el' if i else ''}if {index} == {i}:" if i < len(branches) - 1 or not i else "else:")
            with self.out.block():
                self.value(branch, target)

    def _blocks(self, width_min: int, count: str) -> None:
        """Emit the head of a block loop: leaves the number of entries in ``count``, or ends the loop."""
        if width_min == 0:
            raise ContractError(
                self.names.schema.file,
                self.where,
                "an array whose items take no bytes is not supported: its length would have no bound",
            )
        add = self.out.add
        self._varint(count)
        self.out.suite(f"if {count} == 0:", "break")
        add(f"if {count} < 0:")
        with self.out.block():
            add(f"{count} = -{count}")
            self._varint(self.out.fresh("skip"))
        left = "end - pos" if width_min == 1 else f"(end - pos) // {width_min}"
        self.out.suite(f"if {count} > {left}:", f"raise _runtime.bad_length({count}, end - pos)")

    def _array(self, items: Type, target: str) -> None:
        out, found, count, item = self.out, self.out.fresh("items"), self.out.fresh("count"), self.out.fresh("item")
        out.add(f"{found}: list[{self.names.annotation(items)}] = []")
        out.add("while True:")
        with out.block():
            self._blocks(min_width(items, self.named), count)
            out.add(f"for _ in range({count}):")
            with out.block():
                self.value(items, item)
                out.add(f"{found}.append({item})")
        out.add(f"{target} = tuple({found})")

    def _map(self, values: Type, target: str) -> None:
        out, found, count = self.out, self.out.fresh("entries"), self.out.fresh("count")
        key, item = self.out.fresh("key"), self.out.fresh("item")
        out.add(f"{found}: dict[str, {self.names.annotation(values)}] = {{}}")
        out.add("while True:")
        with out.block():
            self._blocks(1 + min_width(values, self.named), count)
            out.add(f"for _ in range({count}):")
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
