"""The changes of docs/VERDICTS.md: each an old and a new text of one contract."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from tests_support.contracts import avro_changes, proto_changes
from tests_support.contracts.avro_changes import MICROS, X_INT, decimal, enum, field, record

UUID_TEXT: Final = {"type": "string", "logicalType": "uuid"}
RED_BLUE: Final = enum("RED", "BLUE")


@dataclass(frozen=True)
class Case:
    """A change. Protobuf texts are of ``proto_changes.FILE``."""

    kind: Literal["AVRO", "PROTOBUF"]
    name: str
    old: str
    new: str


def _x(kind: object, **more: object) -> str:
    return record(field("x", kind, **more))


_AVRO: Final[dict[str, tuple[str, str]]] = {
    "another name of a field": (X_INT, record(field("y", "int"))),
    "another name of a field, the old one as alias": (X_INT, record(field("y", "int", aliases=["x"]))),
    "another name of the record": (X_INT, record(field("x", "int"), name="S")),
    "long to int": (_x("long"), _x("int")),
    "int to double": (_x("int"), _x("double")),
    "float to double": (_x("float"), _x("double")),
    "string to bytes": (_x("string"), _x("bytes")),
    "int to string": (_x("int"), _x("string")),
    "an array to a map": (_x({"type": "array", "items": "int"}), _x({"type": "map", "values": "int"})),
    "wider items of an array": (_x({"type": "array", "items": "int"}), _x({"type": "array", "items": "long"})),
    "a symbol less": (_x(RED_BLUE), _x(enum("RED"))),
    "a symbol less with a default to fall back on": (
        _x(enum("RED", "BLUE", default="RED")),
        _x(enum("RED", default="RED")),
    ),
    "a branch less": (_x(["null", "int", "string"]), _x(["null", "int"])),
    "null forbidden": (_x(["null", "int"]), _x("int")),
    "branches in another order": (_x(["null", "int"]), _x(["int", "null"])),
    "another default": (_x("int", default=0), _x("int", default=1)),
    "a default less": (_x("int", default=0), _x("int")),
    "a logical type on a number": (_x("long"), _x(MICROS)),
    "a logical type on a text": (_x("string"), _x(UUID_TEXT)),
    "decimal bytes to decimal fixed": (
        _x(decimal(10, 2)),
        _x({"type": "fixed", "name": "F", "size": 8, "logicalType": "decimal", "precision": 10, "scale": 2}),
    ),
    "another name of a fixed": (
        _x({"type": "fixed", "name": "F", "size": 4}),
        _x({"type": "fixed", "name": "G", "size": 4}),
    ),
    "another name of an enum": (_x(RED_BLUE), _x({**RED_BLUE, "name": "Paint"})),
}

_PROTO: Final[dict[str, tuple[str, str]]] = {
    "int32 to int64": ("int32 count", "int64 count"),
    "int32 to uint32": ("int32 count", "uint32 count"),
    "int32 to sint32": ("int32 count", "sint32 count"),
    "string to bytes": ("string note", "bytes note"),
    "optional": ("string note", "optional string note"),
    "another JSON name": ("string note = 4;", 'string note = 4 [json_name = "remark"];'),
    "an rpc more": ("  rpc Put", "  rpc List(Order) returns (stream Order);\n  rpc Put"),
    "another answer of an rpc": ("rpc Get(Order) returns (Order)", "rpc Get(Order) returns (Empty)"),
    "another name of an rpc": ("rpc Get(", "rpc Fetch("),
    "the service gone": (
        "service Orders {\n  rpc Put(Order) returns (Order);\n  rpc Get(Order) returns (Order);\n}\n",
        "",
    ),
    "a value more": ("  COLOUR_RED = 1;\n", "  COLOUR_RED = 1;\n  COLOUR_BLUE = 2;\n"),
    "another name of a value": ("COLOUR_RED = 1", "COLOUR_CRIMSON = 1"),
    "a message more": ("message Order {", "message Note {}\nmessage Order {"),
    "a message gone": ("message Empty {}\n", ""),
    "a deprecated field": ("string note = 4;", "string note = 4 [deprecated = true];"),
}


def cases() -> Iterator[Case]:
    """Yield every change, Avro first."""
    for name, (old, new, _) in avro_changes.CHANGES.items():
        yield Case("AVRO", name, old, new)
    for name, (old, new) in _AVRO.items():
        yield Case("AVRO", name, old, new)
    base = proto_changes.OLD + "message Empty {}\n"
    every = {name: (old, new) for name, (old, new, _) in proto_changes.CHANGES.items()} | _PROTO
    for name, (old, new) in every.items():
        changed = base.replace(old, new, 1)
        assert changed != base, name
        if name == "an enum gone":
            changed = changed.replace("Colour colour", "Paint colour")
        yield Case("PROTOBUF", name, base, changed)
