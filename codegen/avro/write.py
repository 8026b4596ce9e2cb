"""Straight-line Python that appends one record of a schema to a bytearray, byte for byte as fastavro would."""

from codegen.avro.layout import recursive, struct_code
from codegen.avro.names import Names, field_name
from codegen.avro.read import MICROS_EACH, struct_constant
from codegen.avro.schema import Array, Enumeration, Field, Fixed, Logical, Map, Named, Primitive, Record, Type, Union
from codegen.errors import ContractError
from codegen.text import Lines


def record_writer(record: Record, names: Names, structs: dict[str, str]) -> list[str]:
    """Return the function that writes ``record``. ``structs`` collects struct formats by constant name."""
    out = Lines()
    deep = recursive(record, names.schema.named)
    name, cls = names.function(record.name), names.classes[record.name]
    depth = ", depth: int" if deep else ""
    out.add(f"def _write_{name}(record: {cls}, out: bytearray{depth}) -> None:")
    with out.block():
        if deep:
            out.suite(
                "if depth > _runtime.NESTING_MAX:", f'raise _runtime.AvroEncodeError("{cls} is nested too deeply")'
            )
        writer = _Writer(out, names, "depth + 1" if deep else "0", cls)
        writer.fields(record, structs)
        if not record.fields:
            out.add("pass")
    return out.lines


class _Writer:
    def __init__(self, out: Lines, names: Names, depth: str, cls: str) -> None:
        self.out = out
        self.names = names
        self.named = names.schema.named
        self.depth = depth
        self.cls = cls
        self.label = ""
        self.path = ""

    def fields(self, record: Record, structs: dict[str, str]) -> None:
        """Emit all fields; neighbours of constant layout are packed together."""
        pending: list[tuple[str, str]] = []  # struct code, expression
        for field in record.fields:
            self.label, self.path = f'"{self.cls}.{field.name}"', field.path
            code = struct_code(field.type, self.named)
            if code is not None:
                pending.append((code[0], self._packed(field)))
                continue
            self._flush(pending, structs)
            self.value(field.type, f"record.{field_name(field)}")
        self._flush(pending, structs)

    def _flush(self, pending: list[tuple[str, str]], structs: dict[str, str]) -> None:
        if pending:
            constant = struct_constant("".join(code for code, _ in pending), structs)
            self.out.add(f"out += {constant}.pack({', '.join(expression for _, expression in pending)})")
            pending.clear()

    def _packed(self, field: Field) -> str:
        source = f"record.{field_name(field)}"
        if isinstance(field.type, Primitive):
            return source
        assert isinstance(field.type, Named)
        return self._fixed(field.type.name, source)

    def _fixed(self, name: str, source: str) -> str:
        """Emit the check of a fixed value and return the expression of its bytes."""
        definition = self.named[name]
        assert isinstance(definition, Fixed)
        if definition.logical is None:
            self.out.suite(
                f"if len({source}) != {definition.size}:",
                f'raise _runtime.misfit({self.label}, {source}, "{definition.size} bytes")',
            )
            return source
        if definition.logical.name == "uuid":
            return f"{source}.bytes"
        return f'{self._unscaled(definition.logical, source)}.to_bytes({definition.size}, "big", signed=True)'

    def _unscaled(self, logical: Logical, source: str) -> str:
        limit = f"{10**logical.precision:_}"
        return f"_logical.unscaled_of({source}, {logical.scale}, {limit}, {self.label})"

    def value(self, kind: Type, source: str) -> None:
        """Emit lines that append ``source``, an expression of type ``kind``."""
        match kind:
            case Primitive():
                self._primitive(kind, source)
            case Named(name):
                self._named(name, source)
            case Array(items):
                self._blocks(source, lambda item: self.value(items, item), "item", source)
            case Map(values):
                self._map(values, source)
            case Union(branches):
                self._union(branches, source)

    def _primitive(self, kind: Primitive, source: str) -> None:
        add = self.out.add
        match kind.kind:
            case "null":
                pass
            case "boolean":
                add(f"out.append(1 if {source} else 0)")
            case "int" | "long":
                self._number(kind.kind, self._units(kind.logical, source))
            case "float":
                add(f"out += _FLOAT.pack({source})")
            case "double":
                add(f"out += _DOUBLE.pack({source})")
            case _:
                self._sized(kind, source)

    def _units(self, logical: Logical | None, source: str) -> str:
        if logical is None:
            return source
        name, _, unit = logical.name.rpartition("-")
        if logical.name == "date":
            return f"_logical.date_to({source}, {self.label})"
        return f"_logical.{name.replace('-', '_')}_to({source}, {MICROS_EACH[unit]}, {self.label})"

    def _number(self, kind: str, source: str) -> None:
        """Emit a zigzag varint; only numbers outside -64 to 63 need the call."""
        number = self.out.fresh("number")
        self.out.add(f"{number} = {source}")
        self.out.suite(f"if -64 <= {number} <= 63:", f"out.append(({number} << 1) ^ ({number} >> 63))")
        self.out.suite("else:", f"_runtime.write_{kind}(out, {number}, {self.label})")

    def _length(self, source: str) -> None:
        self.out.suite(f"if len({source}) < 64:", f"out.append(len({source}) << 1)")
        self.out.suite("else:", f"_runtime.write_long(out, len({source}), {self.label})")

    def _sized(self, kind: Primitive, source: str) -> None:
        raw = self.out.fresh("raw")
        if kind.kind == "string":
            text = f"_logical.uuid_text({source}, {self.label})" if kind.logical else source
            self.out.add(f'{raw} = {text}.encode("utf-8")')
        elif kind.logical:
            self.out.add(f"{raw} = _logical.decimal_bytes({self._unscaled(kind.logical, source)})")
        else:
            self.out.add(f"{raw} = {source}")
        self._length(raw)
        self.out.add(f"out += {raw}")

    def _named(self, name: str, source: str) -> None:
        definition = self.named[name]
        match definition:
            case Record():
                depth = f", {self.depth}" if recursive(definition, self.named) else ""
                self.out.add(f"_write_{self.names.function(name)}({source}, out{depth})")
            case Fixed():
                raw = self._fixed(name, source)
                self.out.add(f"out += {raw}")
            case Enumeration(_, symbols, _):
                code = f"_{self.names.constant(name)}_CODE[{source}]"
                if len(symbols) <= 64:
                    self.out.add(f"out.append({code} << 1)")
                else:
                    self._number("int", code)

    def _blocks(self, source: str, body: object, stem: str, iterated: str) -> None:
        """Emit one block with all entries and the empty block that ends it."""
        assert callable(body)
        entry = self.out.fresh(stem)
        self.out.add(f"if {source}:")
        with self.out.block():
            self._length(source)
            self.out.add(f"for {entry} in {iterated}:")
            with self.out.block():
                body(entry)
        self.out.add("out.append(0)")

    def _map(self, values: Type, source: str) -> None:
        def entry(pair: str) -> None:
            self._sized(Primitive("string"), f"{pair}[0]")
            self.value(values, f"{pair}[1]")

        self._blocks(source, entry, "pair", f"{source}.items()")

    def _union(self, branches: tuple[Type, ...], source: str) -> None:
        """Emit the choice of the branch by the value's Python type, narrower types first."""
        kinds = [self._python_type(branch) for branch in branches]
        for i, kind in enumerate(kinds):
            if kind in kinds[:i]:
                raise ContractError(
                    self.names.schema.file,
                    self.path,
                    f"two branches of the union are both {kind} in Python, so a value could not tell which it is; "
                    "use one of them, or wrap one in a record",
                )
        value = self.out.fresh("value")
        self.out.add(f"{value} = {source}")
        order = sorted(range(len(branches)), key=lambda i: (_NARROW_FIRST.get(kinds[i], 1), i))
        for nth, i in enumerate(order):
            accepted = "(float, int)" if kinds[i] == "float" and "int" not in kinds else kinds[i]
            test = f"{value} is None" if kinds[i] == "None" else f"isinstance({value}, {accepted})"
            self.out.add(f"{'el' if nth else ''}if {test}:")
            with self.out.block():
                self.out.add(f"out.append({i << 1})")
                self.value(branches[i], value)
        allowed = " or ".join(kinds).replace("_decimal.", "").replace("_datetime.", "").replace("_uuid.", "")
        self.out.suite("else:", f'raise _runtime.misfit({self.label}, {value}, "{allowed}")')

    def _python_type(self, kind: Type) -> str:
        return self.names.annotation(kind).partition("[")[0]


# bool is an int and datetime is a date in Python; enums are texts, and so are classes of their own (1, the default).
_NARROW_FIRST = {"None": 0, "bool": 0, "_datetime.datetime": 0, "int": 2, "str": 2, "_datetime.date": 2}
