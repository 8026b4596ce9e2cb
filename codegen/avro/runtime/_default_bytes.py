"""The bytes of a field's default, which a schema has as JSON."""

import struct as _struct
from typing import Any, Final

from ._runtime import AvroDecodeError, write_int, write_long
from ._schemas import Type

_FLOAT: Final = _struct.Struct("<f")
_DOUBLE: Final = _struct.Struct("<d")
_ALLOWED: Final[dict[str, tuple[type, ...]]] = {
    "null": (type(None),),
    "boolean": (bool,),
    "int": (int,),
    "long": (int,),
    "float": (int, float),
    "double": (int, float),
    "bytes": (str,),
    "string": (str,),
}
_WRONG: Final = (AttributeError, KeyError, TypeError, ValueError, OverflowError, _struct.error)
"""What a value that is none of its type raises."""


def number_bytes(value: int) -> bytes:
    """Return a whole number as a zigzag varint."""
    out = bytearray()
    write_long(out, value, "")
    return bytes(out)


def default_bytes(kind: Type, value: Any, field: str) -> bytes:
    """Return the bytes of a default. Raises AvroDecodeError."""
    out = bytearray()
    try:
        _put(kind, value, out)
    except _WRONG:
        raise AvroDecodeError(f"the default of {field} is not a value of its type") from None
    return bytes(out)


def _put(kind: Type, value: Any, out: bytearray) -> None:
    """Append a JSON value. Raises several errors when it is not one of the type."""
    match kind.kind:
        case "union":
            _put_branch(kind, value, out)
        case "array":
            _put_blocks(kind.parts[0], [(None, item) for item in value], out)
        case "map":
            _put_blocks(kind.parts[0], list(value.items()), out)
        case "record":
            for field, part in zip(kind.fields, kind.parts, strict=True):
                _put(part, value[field["name"]] if field["name"] in value else field["default"], out)
        case "enum":
            out += number_bytes(kind.symbols.index(value))
        case "fixed":
            raw = value.encode("latin-1")
            if len(raw) != kind.size:
                raise ValueError
            out += raw
        case _:
            _put_primitive(kind.kind, value, out)


def _put_primitive(kind: str, value: Any, out: bytearray) -> None:
    if type(value) not in _ALLOWED[kind]:
        raise TypeError
    match kind:
        case "boolean":
            out.append(value)
        case "int":
            write_int(out, value, "")
        case "long":
            write_long(out, value, "")
        case "float":
            out += _FLOAT.pack(value)
        case "double":
            out += _DOUBLE.pack(value)
        case "bytes" | "string":
            raw = value.encode("latin-1" if kind == "bytes" else "utf-8")
            out += number_bytes(len(raw)) + raw


def _put_branch(kind: Type, value: Any, out: bytearray) -> None:
    for i, branch in enumerate(kind.parts):
        part = bytearray(number_bytes(i))
        try:
            _put(branch, value, part)
        except _WRONG:
            continue
        out += part
        return
    raise ValueError


def _put_blocks(kind: Type, entries: list[tuple[str | None, Any]], out: bytearray) -> None:
    if entries:
        out += number_bytes(len(entries))
    for key, value in entries:
        if key is not None:
            _put_primitive("string", key, out)
        _put(kind, value, out)
    out.append(0)
