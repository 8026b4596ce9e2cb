"""One Python module for one Avro schema file: frozen msgspec structs with encode, decode and a column layout."""

from codegen.avro.layout import Column, columns, primitives, recursive
from codegen.avro.names import Names, field_name, member_name, names_of
from codegen.avro.read import record_reader
from codegen.avro.schema import AvroFile, Enumeration, Fixed, Record, python_name
from codegen.avro.write import record_writer
from codegen.text import docstring
from tally.base.fingerprint import fingerprint

_IMPORTS = """\
from __future__ import annotations

import builtins as _builtins
import datetime as _datetime
import decimal as _decimal
import enum as _enum
import struct as _struct
import uuid as _uuid
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec as _msgspec

from . import _logical
from . import _runtime

if TYPE_CHECKING:
    import numpy as _numpy
"""


def module_text(schema: AvroFile, header: str) -> str:
    """Return the module of a schema file. ``header`` is its first line. Raises ContractError."""
    names = names_of(schema)
    structs: dict[str, str] = {}
    records = [d for d in schema.named.values() if isinstance(d, Record)]
    functions: list[str] = []
    for record in records:
        functions += ["", "", *record_reader(record, names, structs), "", "", *record_writer(record, names, structs)]
    lines: list[str] = []
    lines.append(f"_SCHEMA: Final = (\n{_split_literal(schema.text)}\n)")
    for constant, code in (("_FLOAT", "f"), ("_DOUBLE", "d")):
        if any(f"{constant}." in line for line in functions):
            lines.append(f'{constant}: Final = _struct.Struct("<{code}")')
    lines += [f'_UNIT_{scale}: Final = _decimal.Decimal("1E-{scale}")' for scale in _scales(schema)]
    lines += [f'{constant}: Final = _struct.Struct("<{code}")' for constant, code in structs.items()]
    for definition in schema.named.values():
        if isinstance(definition, Enumeration):
            lines += ["", "", *_enum_class(definition, names)]
    for record in records:
        lines += ["", "", *_record_class(record, names, top=record is schema.definition)]
    lines += functions
    lines += ["", "", *_module_constants(schema, names), ""]
    body = "\n".join(lines)
    summary = docstring((schema.definition.doc if schema.definition else "") or f"Avro record {schema.name}.", 0)
    return "\n".join([header, *summary, "", *_imports(body), "", body])


def _scales(schema: AvroFile) -> list[int]:
    """Return the scales of the schema's decimals."""
    found = {
        logical.scale
        for definition in schema.named.values()
        for kind in ([definition] if isinstance(definition, Fixed) else primitives(definition))
        if (logical := kind.logical) is not None and logical.name == "decimal"
    }
    return sorted(found)


def _imports(body: str) -> list[str]:
    """Return the import lines of which ``body`` uses the name."""
    lines = _IMPORTS.splitlines()
    return [each for each in lines if not each.startswith(("import ", "from . ")) or f"{each.split()[-1]}." in body]


def _split_literal(text: str) -> str:
    """Return a text as adjacent string literals, a line each, so that a change of a schema shows as a small diff."""
    pieces = [text[i : i + 96] for i in range(0, len(text), 96)]
    return "\n".join(f"    {piece!r}" for piece in pieces)


def _enum_class(definition: Enumeration, names: Names) -> list[str]:
    cls, constant = names.classes[definition.name], names.constant(definition.name)
    lines = [f"class {cls}(_enum.StrEnum):"]
    lines += docstring(definition.doc or f"Avro enum {definition.name}.", 1)
    lines.append("")
    lines += [f'    {member_name(symbol)} = "{symbol}"' for symbol in definition.symbols]
    lines += [
        "",
        "    @property",
        "    def code(self) -> int:",
        '        """The place in the schema\'s symbols; the record holds it as one zigzag varint (twice the code)."""',
        f"        return _{constant}_CODE[self]",
        "",
        "    @classmethod",
        f"    def of_code(cls, code: int) -> {cls}:",
        '        """Return the member of a code. Raises AvroDecodeError when there is none."""',
        f"        if not 0 <= code < {len(definition.symbols)}:",
        f'            raise _runtime.bad_index("{cls}", {len(definition.symbols)})',
        f"        return _{constant}_BY_CODE[code]",
        "",
        "",
        f"_{constant}_BY_CODE: Final = tuple({cls})",
        f"_{constant}_CODE: Final = {{member: code for code, member in enumerate(_{constant}_BY_CODE)}}",
    ]
    return lines


def _record_class(record: Record, names: Names, *, top: bool) -> list[str]:
    cls, prefix = names.classes[record.name], names.prefix(record)
    lines = [f"class {cls}(_msgspec.Struct, frozen=True, kw_only=True):"]
    lines += docstring(record.doc or f"Avro record {record.name}.", 1)
    if top:
        lines += _class_constants(record, names, prefix)
    lines.append("")
    for field in record.fields:
        default = names.default(field)
        suffix = "" if default is None else f" = {default}"
        lines.append(f"    {field_name(field)}: {names.annotation(field.type, prefix)}{suffix}")
        lines += docstring(field.doc, 1)
    if not record.fields:
        lines.append("    pass")
    if top:
        lines += _codec_methods(record, names, cls, prefix)
        found = columns(record, names.schema)
        if found is not None:
            lines += _column_dtype(found, prefix)
    return lines


def _class_constants(record: Record, names: Names, prefix: str) -> list[str]:
    lines = [
        "",
        f"    SCHEMA: ClassVar[{prefix}str] = _SCHEMA",
        '    """The schema as JSON, as it is registered."""',
        f'    FULL_NAME: ClassVar[{prefix}str] = "{record.name}"',
        f'    FINGERPRINT: ClassVar[{prefix}str] = "{fingerprint(names.schema.text)}"',
        '    """The semantic fingerprint: equal for texts that mean the same schema."""',
    ]
    found = columns(record, names.schema)
    if found is not None and all(column.constant for column in found):
        width = sum(column.width or column.width_default for column in found)
        lines += [
            f"    WIDTH: ClassVar[{prefix}int] = {width}",
            '    """The bytes of a record; a record of another length needs the general way."""',
        ]
    return lines


def _codec_methods(record: Record, names: Names, cls: str, prefix: str) -> list[str]:
    function = names.function(record.name)
    depth = ", 0" if recursive(record, names.schema.named) else ""
    return [
        "",
        f"    def encode(self) -> {prefix}bytes:",
        '        """Return the record in Avro\'s binary encoding. Raises AvroEncodeError."""',
        "        out = bytearray()",
        "        try:",
        f"            _write_{function}(self, out{depth})",
        "        except _runtime.AvroEncodeError:",
        "            raise",
        "        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError, _struct.error) as error:",
        f'            raise _runtime.foreign_type("{cls}", error) from error',
        f"        return {'_builtins.' if prefix else ''}bytes(out)",
        "",
        "    @classmethod",
        f"    def decode(cls, data: {prefix}bytes) -> {cls}:",
        '        """Return the record of exactly these bytes. Raises AvroDecodeError."""',
        "        try:",
        f"            record, pos = _read_{function}(data, 0, len(data){depth})",
        "        except IndexError:",
        "            raise _runtime.early(len(data)) from None",
        "        except UnicodeDecodeError as error:",
        '            raise _runtime.AvroDecodeError(f"a text is not UTF-8: {error.reason}") from None',
        "        if pos != len(data):",
        '            raise _runtime.AvroDecodeError(f"{len(data) - pos} bytes are left after the record")',
        "        return record",
    ]


def _column_dtype(found: tuple[Column, ...], prefix: str) -> list[str]:
    keywords = ", ".join(f"{keyword_of(c)}: {prefix}int = {c.width_default}" for c in found if c.width is None)
    lines = [
        "",
        "    @staticmethod",
        f"    def column_dtype({f'*, {keywords}' if keywords else ''}) -> _numpy.dtype[Any]:",
        '        """Return the layout of records of equal widths, for numpy.',
        "",
        "        A whole number is its raw varint bytes, shape (width,), of the width given here; a fixed its bytes,",
        "        shape (size,); an enum the zigzag byte, twice the code; a text or bytes the length byte, and only 0",
        "        (empty) fits the layout.",
        '        """',
        "        import numpy",
        "",
        "        return numpy.dtype(",
        "            [",
    ]
    for column in found:
        dtype = f'"u1", ({keyword_of(column)},)' if column.width is None else column.dtype
        lines.append(f'                ("{column.name}", {dtype}),')
    return [*lines, "            ]", "        )"]


def keyword_of(column: Column) -> str:
    """Return the argument that gives a column's width."""
    return python_name(column.name, frozenset({"numpy"}))


def _module_constants(schema: AvroFile, names: Names) -> list[str]:
    cls = names.classes[schema.name]
    lines = [
        f"SCHEMA: Final = {cls}.SCHEMA",
        f"FULL_NAME: Final = {cls}.FULL_NAME",
        f"FINGERPRINT: Final = {cls}.FINGERPRINT",
    ]
    exported = [names.classes[name] for name, d in schema.named.items() if isinstance(d, Record | Enumeration)]
    exported += ["FINGERPRINT", "FULL_NAME", "SCHEMA"]
    return [*lines, "", "__all__ = [", *(f'    "{name}",' for name in sorted(exported)), "]"]
