"""One Python module for one Avro schema file: frozen msgspec structs with encode, decode and a column layout.

The generated code takes no name that a user's type, field or symbol can have: its own begin with ``_``, which
``codegen.avro.names`` keeps from theirs, and built-ins come from ``_builtins`` where a user's name hides one.
"""

from codegen.avro.default_code import default_code
from codegen.avro.layout import Column, columns, logicals
from codegen.avro.names import Names
from codegen.avro.read import record_reader, type_reader
from codegen.avro.schema import AvroFile, Enumeration, Record
from codegen.avro.write import record_writer, type_writer
from codegen.text import docstring
from tally.base.fingerprint import fingerprint

_IMPORTS = """\
from __future__ import annotations

import builtins as _builtins
import datetime as _datetime
import decimal as _decimal
import enum as _enum
import struct as _struct
import typing as _typing
import uuid as _uuid

import msgspec as _msgspec

from {runtime} import _binary
from {runtime} import _framing
from {runtime} import _logical
from {runtime} import _resolution
from {runtime} import _runtime

if _typing.TYPE_CHECKING:
    import numpy as _numpy
"""


def module_text(schema: AvroFile, header: str, runtime: str = ".") -> str:
    """Return the module of a schema file. ``header`` is its first line; ``runtime`` is where its runtime is from it."""
    names = Names(schema)
    structs: dict[str, str] = {}
    records = [d for d in schema.named.values() if isinstance(d, Record)]
    functions: list[str] = []
    for record in records:
        functions += [*record_reader(record, names, structs), *record_writer(record, names, structs)]
    if not isinstance(schema.definition, Record):
        functions += [*type_reader(schema.top, names), *type_writer(schema.top, names), *_codec_functions(names)]
    lines: list[str] = []
    lines.append(f"_SCHEMA: _typing.Final = (\n{_split_literal(schema.text)}\n)")
    for constant, code in (("_FLOAT", "f"), ("_DOUBLE", "d")):
        if any(f"{constant}." in line for line in functions):
            lines.append(f'{constant}: _typing.Final = _struct.Struct("<{code}")')
    scales = sorted({logical.scale for logical in logicals(schema) if logical.name == "decimal"})
    lines += [f'_UNIT_{scale}: _typing.Final = _decimal.Decimal("1E-{scale}")' for scale in scales]
    lines += [f'{constant}: _typing.Final = _struct.Struct("<{code}")' for constant, code in structs.items()]
    aliases = names.aliases()
    for name, definition in sorted(schema.named.items(), key=lambda pair: isinstance(pair[1], Record)):
        match definition:
            case Enumeration():
                lines += ["", "", *_enum_class(definition, names)]
            case Record():
                lines += ["", "", *_record_class(definition, names)]
            case _:
                continue
        if name in aliases:
            lines += ["", "", f"_T_{names.classes[name]} = {names.classes[name]}"]
    lines += functions
    lines += ["", "", *_module_constants(schema, names), ""]
    body = "\n".join(lines)
    doc = schema.definition.doc if schema.definition else ""
    summary = docstring(doc or f"Avro {_kind(schema)} {schema.name}.", 0)
    return "\n".join([header, *summary, "", *_imports(body, runtime), "", body])


def _kind(schema: AvroFile) -> str:
    return {"Record": "record", "Enumeration": "enum", "Fixed": "fixed"}.get(type(schema.definition).__name__, "type")


def _imports(body: str, runtime: str) -> list[str]:
    """Return the import lines of which ``body`` uses the name."""
    lines = _IMPORTS.format(runtime=runtime).splitlines()
    return [line for line in lines if not line.startswith(("import ", "from .")) or f"{line.split()[-1]}." in body]


def _split_literal(text: str) -> str:
    """Return a text as adjacent string literals, a line each, so that a change of a schema shows as a small diff."""
    pieces = [text[i : i + 96] for i in range(0, len(text), 96)]
    return "\n".join(f"    {piece!r}" for piece in pieces)


def _enum_class(definition: Enumeration, names: Names) -> list[str]:
    cls, members, scope = (
        names.classes[definition.name],
        names.members[definition.name],
        names.in_scope(definition.name),
    )
    here, b = names.reference(definition.name, scope), names.builtins(scope)
    lines = [f"class {cls}(_enum.StrEnum):"]
    lines += docstring(definition.doc or f"Avro enum {definition.name}.", 1)
    lines.append("")
    lines += [f'    {members[symbol]} = "{symbol}"' for symbol in definition.symbols]
    lines += [
        "",
        f"    @{b}property",
        f"    def code(self) -> {b}int:",
        '        """The place in the schema\'s symbols; the record holds it as one zigzag varint (twice the code)."""',
        f"        return _codes_{cls}[self]",
        "",
        f"    @{b}classmethod",
        f"    def of_code(cls, code: {b}int) -> {here}:",
        '        """Return the member of a code. Raises AvroDecodeError when there is none."""',
        f"        if not 0 <= code < {len(definition.symbols)}:",
        f'            raise _runtime.bad_index("{cls}", {len(definition.symbols)})',
        f"        return _members_{cls}[code]",
        "",
        "",
        "# In the order of the schema's symbols, which the codes count.",
        f"_members_{cls}: _typing.Final = (",
        *(f"    {cls}.{members[symbol]}," for symbol in definition.symbols),
        ")",
        f"_codes_{cls}: _typing.Final = {{",
        f"    _member: _code for _code, _member in {names.builtins()}enumerate(_members_{cls})",
        "}",
    ]
    return lines


def _record_class(record: Record, names: Names) -> list[str]:
    cls, scope, top = names.classes[record.name], names.in_scope(record.name), record is names.schema.definition
    lines = [f"class {cls}(_msgspec.Struct, frozen=True, kw_only=True):"]
    lines += docstring(record.doc or f"Avro {'error' if record.error else 'record'} {record.name}.", 1)
    if top:
        lines += _class_constants(record, names)
    lines.append("")
    for field in record.fields:
        default = default_code(field, names, scope)
        suffix = "" if default is None else f" = {default}"
        annotation = names.annotation(field.type, scope)
        lines.append(f"    {names.fields[record.name][field.name]}: {annotation}{suffix}")
        lines += docstring(field.doc, 1)
    if not record.fields:
        lines.append("    pass")
    if top:
        lines += _codec_methods(record, names)
        found = columns(record, names.schema)
        if found is not None:
            lines += _column_dtype(found, names, record)
    return lines


def _class_constants(record: Record, names: Names) -> list[str]:
    lines = [
        "",
        "    SCHEMA = _SCHEMA",
        '    """The schema as JSON, as it is registered."""',
        f'    FULL_NAME = "{record.name}"',
        f'    FINGERPRINT = "{fingerprint(names.schema.text)}"',
        '    """The semantic fingerprint: equal for texts that mean the same schema."""',
    ]
    found = columns(record, names.schema)
    if found is not None and all(column.constant for column in found):
        width = sum(column.width or column.width_default for column in found)
        lines += [
            f"    WIDTH = {width}",
            '    """The bytes of a record; a record of another length needs the general way."""',
        ]
    return lines


def _codec_methods(record: Record, names: Names) -> list[str]:
    cls, scope = names.classes[record.name], names.in_scope(record.name)
    here, b = names.reference(record.name, scope), names.builtins(scope)
    depth = ", 0" if record.name in names.recursive else ""
    return [
        "",
        f"    def encode(self) -> {b}bytes:",
        '        """Return the record in Avro\'s binary encoding. Raises AvroEncodeError."""',
        *_indented(_encode(names, f"_write_{cls}(self, out{depth})", cls)),
        "",
        f"    @{b}classmethod",
        f"    def decode(cls, data: {b}bytes, writer_schema: {b}str | None = None) -> {here}:",
        '        """Return the record of exactly these bytes. Raises AvroDecodeError.',
        "",
        "        ``writer_schema`` is the JSON text of the schema that wrote them, where it may be another: then they",
        "        are resolved to this one, as Avro says.",
        '        """',
        *_indented(_decode(names, f"_read_{cls}(data, 0, {names.builtins()}len(data){depth})")),
        "",
        f"    def to_framed(self, schema_id: {b}int) -> {b}bytes:",
        '        """Return the record behind Confluent\'s frame with the id that a registry has for this schema."""',
        "        return _framing.frame(schema_id) + self.encode()",
        "",
        f"    @{b}classmethod",
        f"    def from_framed(cls, data: {b}bytes, registry: _framing.SchemaLookup) -> {here}:",
        '        """Return the record behind Confluent\'s frame, read by the schema that its id names in a registry.',
        "",
        "        Schemas that it refers to are fetched as well, if the registry is a ReferenceLookup.",
        "        Raises AvroDecodeError, and what the registry raises.",
        '        """',
        "        return cls.decode(*_framing.unframed(data, registry))",
    ]


def _codec_functions(names: Names) -> list[str]:
    """Return encode, decode, to_framed and from_framed of a module whose top is no record."""
    b, value = names.builtins(), names.annotation(names.schema.top)
    return [
        "",
        "",
        f"def encode(value: {value}) -> {b}bytes:",
        '    """Return the value in Avro\'s binary encoding. Raises AvroEncodeError."""',
        *_encode(names, "_writetop(value, out)", names.schema.name),
        "",
        "",
        f"def decode(data: {b}bytes, writer_schema: {b}str | None = None) -> {value}:",
        '    """Return the value of exactly these bytes. Raises AvroDecodeError.',
        "",
        "    ``writer_schema`` is the JSON text of the schema that wrote them, where it may be another: then they",
        "    are resolved to this one, as Avro says.",
        '    """',
        *_decode(names, f"_readtop(data, 0, {b}len(data))"),
        "",
        "",
        f"def to_framed(value: {value}, schema_id: {b}int) -> {b}bytes:",
        '    """Return the value behind Confluent\'s frame with the id that a registry has for this schema."""',
        "    return _framing.frame(schema_id) + encode(value)",
        "",
        "",
        f"def from_framed(data: {b}bytes, registry: _framing.SchemaLookup) -> {value}:",
        '    """Return the value behind Confluent\'s frame, read by the schema that its id names in a registry.',
        "",
        "    Schemas that it refers to are fetched as well, if the registry is a ReferenceLookup.",
        "    Raises AvroDecodeError, and what the registry raises.",
        '    """',
        "    return decode(*_framing.unframed(data, registry))",
    ]


def _encode(names: Names, write: str, what: str) -> list[str]:
    b = names.builtins()
    errors = ("ArithmeticError", "AttributeError", "LookupError", "TypeError", "ValueError", "_struct.error")
    caught = ", ".join(error if error.startswith("_") else b + error for error in errors)
    return [
        f"    out = {b}bytearray()",
        "    try:",
        f"        {write}",
        "    except _runtime.AvroEncodeError:",
        "        raise",
        f"    except ({caught}) as error:",
        f'        raise _runtime.foreign_type("{what}", error) from error',
        f"    return {b}bytes(out)",
    ]


def _decode(names: Names, read: str) -> list[str]:
    b = names.builtins()
    return [
        "    if writer_schema is not None and writer_schema != _SCHEMA:",
        "        data = _resolution.resolved(data, writer_schema, _SCHEMA)",
        "    try:",
        f"        record, pos = {read}",
        f"    except {b}IndexError:",
        f"        raise _runtime.early({b}len(data)) from None",
        f"    except {b}UnicodeDecodeError as error:",
        '        raise _runtime.AvroDecodeError(f"a text is not UTF-8: {error.reason}") from None',
        f"    if pos != {b}len(data):",
        f'        raise _runtime.AvroDecodeError(f"{{{b}len(data) - pos}} bytes are left after the record")',
        "    return record",
    ]


def _indented(lines: list[str]) -> list[str]:
    return [f"    {line}" if line else "" for line in lines]


def _column_dtype(found: tuple[Column, ...], names: Names, record: Record) -> list[str]:
    fields, b = names.fields[record.name], names.builtins(names.in_scope(record.name))
    keywords = ", ".join(f"{fields[c.name]}: {b}int = {c.width_default}" for c in found if c.width is None)
    lines = [
        "",
        f"    @{b}staticmethod",
        f"    def column_dtype({f'*, {keywords}' if keywords else ''}) -> _numpy.dtype[_typing.Any]:",
        '        """Return the layout of records of equal widths, for numpy.',
        "",
        "        A whole number is its raw varint bytes, shape (width,), of the width given here; a fixed its bytes,",
        "        shape (size,); an enum the zigzag byte, twice the code; a text or bytes the length byte, and only 0",
        "        (empty) fits the layout.",
        '        """',
        "        import numpy as _numpy",
        "",
        "        return _numpy.dtype(",
        "            [",
    ]
    for column in found:
        dtype = f'"u1", ({fields[column.name]},)' if column.width is None else column.dtype
        lines.append(f'                ("{column.name}", {dtype}),')
    return [*lines, "            ]", "        )"]


def _module_constants(schema: AvroFile, names: Names) -> list[str]:
    exported = [names.classes[name] for name, d in schema.named.items() if isinstance(d, Record | Enumeration)]
    exported += ["FINGERPRINT", "FULL_NAME", "SCHEMA"]
    if isinstance(schema.definition, Record):
        cls = names.classes[schema.name]
        values = [f"{cls}.SCHEMA", f"{cls}.FULL_NAME", f"{cls}.FINGERPRINT"]
    else:
        values = ["_SCHEMA", f'"{schema.name}"', f'"{fingerprint(schema.text)}"']
        exported += ["decode", "encode", "from_framed", "to_framed"]
    constants = zip(("SCHEMA", "FULL_NAME", "FINGERPRINT"), values, strict=True)
    lines = [f"{constant}: _typing.Final = {value}" for constant, value in constants]
    return [*lines, "", "__all__ = [", *(f'    "{name}",' for name in sorted(exported)), "]"]
