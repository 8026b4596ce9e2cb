"""The page of an Avro record: its fields, and the types that it is made of."""

import json
from collections.abc import Iterator
from html import escape
from typing import Final

from codegen.avro.resolve import type_words
from codegen.avro.schema import (
    Array,
    AvroFile,
    Definition,
    Enumeration,
    Field,
    Fixed,
    Logical,
    Map,
    Named,
    Primitive,
    Record,
    Type,
    Union,
)
from codegen.pages.html import code, in_line, prose, table

_UNITS: Final = {
    "date": "days since 1970-01-01",
    "time-millis": "milliseconds of the day",
    "time-micros": "microseconds of the day",
    "timestamp-millis": "milliseconds since 1970-01-01, UTC",
    "timestamp-micros": "microseconds since 1970-01-01, UTC",
    "local-timestamp-millis": "milliseconds since 1970-01-01, local time",
    "local-timestamp-micros": "microseconds since 1970-01-01, local time",
    "timestamp-nanos": "nanoseconds since 1970-01-01, UTC",
    "local-timestamp-nanos": "nanoseconds since 1970-01-01, local time",
    "duration": "months, days and milliseconds",
    "big-decimal": "exact decimal with its own scale",
    "uuid": "a UUID (RFC 9562)",
}


def heading(schema: AvroFile) -> str:
    """Return what the page is of: ``record tally.v1.Sum``, or the type in words."""
    if isinstance(schema.definition, Record):
        return f"record {code(schema.name)}"
    return escape(type_words(schema.top, schema))


def body(schema: AvroFile) -> str:
    """Return the documentation of the top type, its parts, and every named type in it."""
    top = schema.definition
    parts = (
        [prose(top.doc) + _definition(top, schema)] if top else [f"<p>{escape(type_words(schema.top, schema))}</p>\n"]
    )
    parts += [
        f"<h3>{code(definition.name)}</h3>\n{prose(definition.doc)}{_definition(definition, schema)}"
        for definition in schema.named.values()
        if definition is not top
    ]
    return "".join(parts)


def _definition(definition: Definition, schema: AvroFile) -> str:
    match definition:
        case Record():
            return _fields(definition, schema)
        case Enumeration(_, symbols, _, default):
            shown = ", ".join(code(symbol) for symbol in symbols)
            return f"<p>One of {shown}.{f' Unknown ones are read as {code(default)}.' if default else ''}</p>\n"
        case Fixed(_, size, logical):
            return f"<p>{size} bytes{', ' + escape(_unit(logical)) if logical else ''}.</p>\n"


def _fields(record: Record, schema: AvroFile) -> str:
    return table(("field", "type", "unit", "default", "meaning"), (_row(field, schema) for field in record.fields))


def _row(field: Field, schema: AvroFile) -> tuple[str, ...]:
    default = (
        code(json.dumps(field.default, ensure_ascii=False)) if field.has_default else '<span class="dim">none</span>'
    )
    units = "; ".join(dict.fromkeys(_units(field.type, schema)))
    return code(field.name), escape(type_words(field.type, schema)), escape(units), default, in_line(field.doc)


def _units(kind: Type, schema: AvroFile) -> Iterator[str]:
    match kind:
        case Primitive(_, Logical() as logical):
            yield _unit(logical)
        case Named(name):
            definition = schema.named[name]
            if isinstance(definition, Fixed) and definition.logical:
                yield _unit(definition.logical)
        case Array(inner) | Map(inner):
            yield from _units(inner, schema)
        case Union(branches):
            for branch in branches:
                yield from _units(branch, schema)
        case _:
            return


def _unit(logical: Logical) -> str:
    if logical.name == "decimal":
        return f"exact decimal: {logical.precision} digits, {logical.scale} of them after the point"
    return _UNITS[logical.name]
