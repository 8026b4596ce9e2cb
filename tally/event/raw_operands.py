"""What a record holds by itself, under its own writer's schema: an id and exact numbers, as far as it has them.

``read_one`` takes what our schema holds, and nothing else counts. Here a person repairs what is poison, so a number is
also taken from other types that hold it exactly: decimals of any scale, whole numbers, and the contract's texts. A
float is none of them.
"""

import io
import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import fastavro

from tally.base.framing import FramingError, SchemaName, spoken, unframe_any
from tally.event import decimals
from tally.event.plain_schema import without_logical_types
from tally.event.reader import SchemaText
from tally.event.strange_fields import WHY_DANGEROUS, StrangeFields, parsed

_ID_BYTES = 16
_SCALE_MAX = 1_000
"""Bounds what a strange schema can make us compute."""


class NotExactError(ValueError):
    """A field has no exact number or no id; the message is a clause for a person."""


@dataclass(frozen=True, slots=True)
class RawOperands:
    """What could be read. Numbers are unscaled; ``sum`` is None when the record has none that is exact."""

    request_id: UUID
    a: int
    b: int
    sum: int | None


@dataclass(frozen=True, slots=True)
class NotReadable:
    """Why nothing could be read, as a clause."""

    why: str


def raw_operands(
    value: bytes | None, as_schema: int | None, schema_text: SchemaText, named: SchemaName | None = None
) -> RawOperands | NotReadable:
    """Return what a record's value holds.

    ``named`` is what named its schema when it was read, perhaps in a header, which is not in the value. ``as_schema``:
    the schema id to read it by, whatever both say.
    """
    try:
        schema, body = _framed(value or b"", named, as_schema)
    except FramingError as error:
        return NotReadable(f"it has no frame ({error})")
    text = schema_text(schema)
    if text is None:
        return NotReadable(f"the registry does not know schema {spoken(schema)}")
    try:
        writer = json.loads(text)
        plain = parsed(without_logical_types(writer))
        if StrangeFields(plain).is_dangerous:
            return NotReadable(WHY_DANGEROUS)
        stream = io.BytesIO(body)
        fields: Any = fastavro.schemaless_reader(stream, plain, None)
        return NotReadable("bytes are left after the record") if stream.read(1) else _operands(fields, writer)
    except NotExactError as error:
        return NotReadable(str(error))
    # Bad bytes and bad schemas are told by whatever the first wrong step raises.
    except Exception as error:  # noqa: BLE001
        return NotReadable(f"it does not follow its schema ({error or type(error).__name__})")


def _framed(value: bytes, named: SchemaName | None, as_schema: int | None) -> tuple[SchemaName, bytes]:
    """Return (schema, body). A value that does not begin with its schema's name is all body. Raises FramingError."""
    try:
        schema, body = unframe_any(value, None)
    except FramingError:
        own = as_schema if named is None else named
        if own is None:
            raise
        schema, body = own, value
    if named not in {None, schema}:
        body = value  # a header named it
    return next(name for name in (as_schema, named, schema) if name is not None), body


def _operands(fields: Any, writer: Any) -> RawOperands:
    if not isinstance(fields, dict):
        raise NotExactError("its schema is not a record")
    types = {field["name"]: field["type"] for field in writer["fields"]}
    numbers = {name: number_of(name, fields.get(name), types.get(name)) for name in ("a", "b")}
    try:
        total = number_of("sum", fields.get("sum"), types.get("sum"))
    except NotExactError:
        total = None
    return RawOperands(id_of(fields.get("request_id")), numbers["a"], numbers["b"], total)


def id_of(value: Any) -> UUID:
    """Return a request id from 16 bytes or a UUID's text. Raises NotExactError."""
    if isinstance(value, bytes) and len(value) == _ID_BYTES:
        return UUID(bytes=value)
    if isinstance(value, str):
        try:
            return UUID(value)
        except ValueError:
            pass
    raise NotExactError("it has no field request_id with a UUID")


def number_of(name: str, value: Any, kind: Any) -> int:
    """Return an exact number, unscaled. Raises NotExactError."""
    if isinstance(kind, dict) and kind.get("logicalType") == "decimal" and isinstance(value, bytes):
        return _unscaled(name, int.from_bytes(value, "big", signed=True), int(kind.get("scale", 0)))
    if isinstance(value, int) and not isinstance(value, bool) and not isinstance(kind, dict):
        return value * decimals.UNIT
    if isinstance(value, str):
        try:
            return decimals.parse(value)
        except decimals.DecimalTextError as error:
            raise NotExactError(f"{name}: {error}") from None
    raise NotExactError(f"it has no field {name} with an exact number")


def _unscaled(name: str, number: int, scale: int) -> int:
    """Return a decimal of another scale in ours. Raises NotExactError."""
    if not 0 <= scale <= _SCALE_MAX:
        raise NotExactError(f"{name} has scale {scale}; up to {_SCALE_MAX} is read")
    unit: int = 10**scale
    scaled, rest = divmod(number * decimals.UNIT, unit)
    if rest:
        raise NotExactError(f"{name} has more than {decimals.SCALE} digits after the point")
    return scaled
