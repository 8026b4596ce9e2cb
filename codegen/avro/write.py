"""Straight-line Python that appends one record of a schema to a bytearray, byte for byte as fastavro would."""

import re
from collections.abc import Callable

from codegen.avro.layout import struct_code
from codegen.avro.names import Names
from codegen.avro.read import INLINE_BRANCHES_MAX, INLINE_INDENT_MAX, MICROS_EACH, ONE_BYTE_INDEX_MAX, struct_constant
from codegen.avro.schema import Array, Enumeration, Field, Fixed, Logical, Map, Named, Primitive, Record, Type, Union
from codegen.text import Lines


def record_writer(record: Record, names: Names, structs: dict[str, str]) -> list[str]:
    """Return the function that writes ``record``. ``structs`` collects struct formats by constant name."""
    out, cls = Lines(), names.classes[record.name]
    writer = _Writer(out, names, cls, deep=record.name in names.recursive)
    writer.head(f"_write_{cls}", "_record", cls)
    with out.block():
        if writer.deep:
            out.suite(
                "if _depth > _runtime.NESTING_MAX:", f'raise _runtime.AvroEncodeError("{cls} is nested too deeply")'
            )
        writer.fields(record, structs)
        if not out.lines[1:]:
            out.add("pass")
    return [line for part in [*writer.apart, out.lines] for line in ["", "", *part]]


def type_writer(kind: Type, names: Names) -> list[str]:
    """Return the function ``_writetop``, which writes a value of a schema file whose top is no record."""
    out = Lines()
    writer = _Writer(out, names, "top", deep=False)
    writer.label = f'"{names.schema.name}"'
    writer.head("_writetop", "_value", names.annotation(kind))
    with out.block():
        writer.value(kind, "_value")
        if not out.lines[1:]:
            out.add("pass")
    return [line for part in [*writer.apart, out.lines] for line in ["", "", *part]]


class _Writer:
    """Emits a function; ``apart`` collects others that it calls. ``deep``: it writes a record of a recursive type."""

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
        self.label = ""

    def head(self, function: str, value: str, annotation: str) -> None:
        depth = f", _depth: {self.b}int" if self.deep else ""
        self.out.add(f"def {function}({value}: {annotation}, _out: {self.b}bytearray{depth}) -> None:")

    def fields(self, record: Record, structs: dict[str, str]) -> None:
        """Emit all fields; neighbours of constant layout are packed together."""
        pending: list[tuple[str, str]] = []  # struct code, expression
        for field in record.fields:
            source = f"_record.{self.names.fields[record.name][field.name]}"
            self.label = f'"{self.owner}.{field.name}"'
            code = struct_code(field.type, self.named)
            if code is not None:
                pending.append((code[0], self._packed(field, source)))
                continue
            self._flush(pending, structs)
            self.value(field.type, source)
        self._flush(pending, structs)

    def _flush(self, pending: list[tuple[str, str]], structs: dict[str, str]) -> None:
        if pending:
            constant = struct_constant("".join(code for code, _ in pending), structs)
            self.out.add(f"_out += {constant}.pack({', '.join(expression for _, expression in pending)})")
            pending.clear()

    def _packed(self, field: Field, source: str) -> str:
        if isinstance(field.type, Primitive):
            return source
        assert isinstance(field.type, Named)
        return self._fixed(field.type.name, source)

    def _fixed(self, name: str, source: str) -> str:
        """Emit the check of a fixed value and return the expression of its bytes."""
        definition, b = self.named[name], self.b
        assert isinstance(definition, Fixed)
        if definition.logical is None:
            raw = self.out.fresh("_raw")
            self.out.add(f"{raw} = {source}")
            self.out.suite(
                f"if {b}type({raw}) is not {b}bytes or {b}len({raw}) != {definition.size}:",
                f"{raw} = _binary.fixed_of({raw}, {definition.size}, {self.label})",
            )
            return raw
        if definition.logical.name == "uuid":
            return f"{source}.bytes"
        if definition.logical.name == "duration":
            return f"_binary.duration_bytes({source}, {self.label})"
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
            case Union(branches) if len(branches) > INLINE_BRANCHES_MAX:
                self._apart(kind, source)
            case _ if self.out.indentation > INLINE_INDENT_MAX:
                self._apart(kind, source)
            case Array(items):
                if self.names.width(items) == 0:
                    self.out.suite(
                        f"if {self.b}len({source}) > _runtime.EMPTY_ITEMS_MAX:",
                        f"raise _runtime.empty_misfit({self.label}, {self.b}len({source}))",
                    )
                self._blocks(source, lambda item: self.value(items, item), "_item", source)
            case Map(values):
                self._map(values, source)
            case Union(branches):
                self._union(branches, source)

    def _apart(self, kind: Type, source: str) -> None:
        """Emit the call of a function that writes ``kind``, and put the function aside."""
        inner = _Writer(Lines(), self.names, self.owner, deep=self.deep, apart=self.apart)
        inner.label = self.label
        name = f"_writepart_{self.owner}_{len(self.apart)}"
        self.apart.append(inner.out.lines)
        inner.head(name, "_value", self.names.annotation(kind))
        with inner.out.block():
            if isinstance(kind, Union) and len(kind.branches) > INLINE_BRANCHES_MAX:
                inner.branches(kind.branches, "_value", flat=True)
            else:
                inner.value(kind, "_value")
        self.out.add(f"{name}({source}, _out{', _depth' if self.deep else ''})")

    def _primitive(self, kind: Primitive, source: str) -> None:
        add = self.out.add
        match kind.kind:
            case "null":
                pass
            case "boolean":
                add(f"_out.append(1 if {source} else 0)")
            case "int" | "long":
                self._number(kind.kind, self._units(kind.logical, source))
            case "float":
                add(f"_out += _FLOAT.pack({source})")
            case "double":
                add(f"_out += _DOUBLE.pack({source})")
            case _:
                self._sized(kind, source)

    def _units(self, logical: Logical | None, source: str) -> str:
        name, _, unit = logical.name.rpartition("-") if logical else ("", "", "")
        if logical is None or unit == "nanos":
            return source
        if logical.name == "date":
            return f"_logical.date_to({source}, {self.label})"
        return f"_logical.{name.replace('-', '_')}_to({source}, {MICROS_EACH[unit]}, {self.label})"

    def _number(self, kind: str, source: str) -> None:
        """Emit a zigzag varint; only numbers outside -64 to 63 need the call."""
        number = self.out.fresh("_number")
        self.out.add(f"{number} = {source}")
        self.out.suite(f"if -64 <= {number} <= 63:", f"_out.append(({number} << 1) ^ ({number} >> 63))")
        self.out.suite("else:", f"_runtime.write_{kind}(_out, {number}, {self.label})")

    def _length(self, source: str) -> None:
        length = self.out.fresh("_length")
        self.out.add(f"{length} = {self.b}len({source})")
        self.out.suite(f"if {length} < 64:", f"_out.append({length} << 1)")
        self.out.suite("else:", f"_runtime.write_long(_out, {length}, {self.label})")

    def _sized(self, kind: Primitive, source: str) -> None:
        raw = self.out.fresh("_raw")
        if kind.kind == "string":
            text = f"_logical.uuid_text({source}, {self.label})" if kind.logical else source
            self.out.add(f'{raw} = {text}.encode("utf-8")')
        elif kind.logical is None:
            self.out.add(f"{raw} = {source}")
            self.out.suite(
                f"if {self.b}type({raw}) is not {self.b}bytes:", f"{raw} = _binary.bytes_of({raw}, {self.label})"
            )
        elif kind.logical.name == "big-decimal":
            self.out.add(f"{raw} = _logical.big_decimal_bytes({source}, {self.label})")
        else:
            self.out.add(f"{raw} = _logical.decimal_bytes({self._unscaled(kind.logical, source)})")
        self._length(raw)
        self.out.add(f"_out += {raw}")

    def _named(self, name: str, source: str) -> None:
        cls = self.names.classes[name]
        match self.named[name]:
            case Record():
                depth = (", _depth + 1" if self.deep else ", 0") if name in self.names.recursive else ""
                self.out.add(f"_write_{cls}({source}, _out{depth})")
            case Fixed():
                raw = self._fixed(name, source)
                self.out.add(f"_out += {raw}")
            case Enumeration(_, symbols):
                code = f"_codes_{cls}[{source}]"
                if len(symbols) <= ONE_BYTE_INDEX_MAX:
                    self.out.add(f"_out.append({code} << 1)")
                else:
                    self._number("int", code)

    def _blocks(self, source: str, body: Callable[[str], None], stem: str, iterated: str) -> None:
        """Emit one block with all entries and the empty block that ends it."""
        entry = self.out.fresh(stem)
        self.out.add(f"if {source}:")
        with self.out.block():
            self._length(source)
            self.out.add(f"for {entry} in {iterated}:")
            with self.out.block():
                before = len(self.out.lines)
                body(entry)
                if len(self.out.lines) == before:  # entries that take no bytes
                    self.out.add("pass")
        self.out.add("_out.append(0)")

    def _map(self, values: Type, source: str) -> None:
        def entry(pair: str) -> None:
            self._sized(Primitive("string"), f"{pair}[0]")
            self.value(values, f"{pair}[1]")

        self._blocks(source, entry, "_pair", f"{source}.items()")

    def _union(self, branches: tuple[Type, ...], source: str) -> None:
        value = self.out.fresh("_value")
        self.out.add(f"{value} = {source}")
        self.branches(branches, value, flat=False)

    def branches(self, branches: tuple[Type, ...], value: str, *, flat: bool) -> None:
        """Emit the choice of the branch by the value's Python type, narrower types first; ``flat`` ends in returns.

        Of two branches with the same Python type it is the first in the schema that holds the value, as with fastavro.
        """
        kinds = [self._python_type(branch) for branch in branches]
        order = sorted(range(len(branches)), key=lambda i: (_NARROW_FIRST.get(kinds[i], 1), _is_float(branches[i]), i))
        always: set[str] = set()  # Python types that no later branch can see
        for i in order:
            if kinds[i] in always:
                continue
            fits = self._fits(branches[i], value) if kinds.count(kinds[i]) > 1 else None
            test = self._test(kinds, i, value)
            self.out.add(f"{'' if flat or i == order[0] else 'el'}if {f'{test} and {fits}' if fits else test}:")
            with self.out.block():
                self._branch_index(i)
                self.value(branches[i], value)
                if flat:
                    self.out.add("return")
            if fits is None:
                always.add(kinds[i])
        allowed = re.sub(r"\b_\w+\.", "", " or ".join(dict.fromkeys(kinds)))
        refused = f'raise _runtime.misfit({self.label}, {value}, "{allowed}")'
        if flat:
            self.out.add(refused)
        else:
            self.out.suite("else:", refused)

    def _test(self, kinds: list[str], i: int, value: str) -> str:
        if kinds[i] == "None":
            return f"{value} is None"
        accepted = "(_builtins.float, _builtins.int)" if self.b else "(float, int)"
        whole = kinds[i] != f"{self.b}float" or f"{self.b}int" in kinds
        return f"{self.b}isinstance({value}, {kinds[i] if whole else accepted})"

    def _branch_index(self, i: int) -> None:
        if i < ONE_BYTE_INDEX_MAX:
            self.out.add(f"_out.append({i << 1})")
        else:
            self.out.add(f"_runtime.write_int(_out, {i}, {self.label})")

    def _fits(self, branch: Type, value: str) -> str | None:
        """Return the test of whether a branch holds a value of its Python type; None where it holds every one."""
        definition = self.named[branch.name] if isinstance(branch, Named) else None
        logical = definition.logical if isinstance(definition, Fixed) else getattr(branch, "logical", None)
        match branch:
            case Primitive("int", None):
                return f"-0x8000_0000 <= {value} <= 0x7FFF_FFFF"
            case Primitive("int", Logical("time-millis")):
                return f"not {value}.microsecond % 1000"
        if logical is not None and logical.name == "decimal":
            return f"_logical.is_decimal({value}, {logical.scale}, {10**logical.precision:_})"
        if isinstance(definition, Fixed) and logical is None:
            return f"{self.b}len({value}) == {definition.size}"
        return None

    def _python_type(self, kind: Type) -> str:
        return self.names.annotation(kind).partition("[")[0]


def _is_float(kind: Type) -> bool:
    """Tell whether a type is the float that a double goes before: Python's own are doubles."""
    return isinstance(kind, Primitive) and kind.kind == "float"


# bool is an int and datetime is a date in Python; enums are texts, and so are classes of their own (1, the default).
_NARROW_FIRST = {"None": 0, "bool": 0, "_datetime.datetime": 0, "int": 2, "str": 2, "_datetime.date": 2}
_NARROW_FIRST |= {f"_builtins.{kind}": rank for kind, rank in _NARROW_FIRST.items() if kind in {"bool", "int", "str"}}
