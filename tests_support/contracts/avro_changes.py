"""Changes of Avro schemas, each with our sentences under FULL; a history for the modes; short ways to write schemas."""

import json
from typing import Any

MILLIS = {"type": "long", "logicalType": "timestamp-millis"}


MICROS = {"type": "long", "logicalType": "timestamp-micros"}


def decimal(precision: int, scale: int) -> dict[str, Any]:
    return {"type": "bytes", "logicalType": "decimal", "precision": precision, "scale": scale}


def enum(*symbols: str, **more: str) -> dict[str, Any]:
    return {"type": "enum", "name": "Colour", "symbols": list(symbols), **more}


def record(*fields: dict[str, Any], namespace: str = "t", name: str = "R") -> str:
    return json.dumps({"type": "record", "name": name, "namespace": namespace, "fields": list(fields)})


def field(name: str, kind: Any, **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


X_INT = record(field("x", "int"))


CHANGES: dict[str, tuple[str, str, list[str]]] = {
    "a field without default": (
        X_INT,
        record(field("x", "int"), field("trace_id", "string")),
        ["consumers on v2 cannot read v1: `trace_id` has no default"],
    ),
    "a field that goes and had no default": (
        record(field("x", "int"), field("trace_id", "string")),
        X_INT,
        ["consumers on v1 cannot read v2: `trace_id` has no default"],
    ),
    "a field with a default": (X_INT, record(field("x", "int"), field("y", "int", default=0)), []),
    "another scale": (
        record(field("x", decimal(10, 4))),
        record(field("x", decimal(10, 2))),
        [
            "consumers on v2 cannot read v1: `x` is decimal(10, 4) in v1 and decimal(10, 2) in v2",
            "consumers on v1 cannot read v2: `x` is decimal(10, 2) in v2 and decimal(10, 4) in v1",
        ],
    ),
    "another precision": (
        record(field("x", decimal(10, 2))),
        record(field("x", decimal(12, 2))),
        [
            "consumers on v2 cannot read v1: `x` is decimal(10, 2) in v1 and decimal(12, 2) in v2",
            "consumers on v1 cannot read v2: `x` is decimal(12, 2) in v2 and decimal(10, 2) in v1",
        ],
    ),
    "milliseconds to microseconds": (
        record(field("x", MILLIS)),
        record(field("x", MICROS)),
        [
            "consumers on v2 cannot read v1: `x` is timestamp-millis in v1 and timestamp-micros in v2",
            "consumers on v1 cannot read v2: `x` is timestamp-micros in v2 and timestamp-millis in v1",
        ],
    ),
    "another namespace": (
        X_INT,
        record(field("x", "int"), namespace="u"),
        [
            "consumers on v2 cannot read v1: the type of the record is called t.R in v1 and u.R in v2",
            "consumers on v1 cannot read v2: the type of the record is called u.R in v2 and t.R in v1",
        ],
    ),
    "a default of another type": (
        X_INT,
        record(field("x", "int"), field("y", "int", default="x")),
        [
            "v2 is wrong in itself: the default of `y` is not one: 'x' is not an int",
            "consumers on v2 cannot read v1: `y` has a default that is not one: 'x' is not an int",
        ],
    ),
    "null as the default of a string or null": (
        X_INT,
        record(field("x", "int"), field("y", ["string", "null"], default=None)),
        [],
    ),
    "int to long": (
        X_INT,
        record(field("x", "long")),
        ["consumers on v1 cannot read v2: `x` is long in v2 and int in v1"],
    ),
    "a symbol more": (
        record(field("x", enum("RED"))),
        record(field("x", enum("RED", "BLUE"))),
        [
            "consumers on v1 cannot read v2: `x` in v1 does not know the symbol `BLUE`, and the enum has no default",
        ],
    ),
    "a symbol more with a default to fall back on": (
        record(field("x", enum("RED", default="RED"))),
        record(field("x", enum("RED", "BLUE", default="RED"))),
        [],
    ),
    "null allowed": (
        X_INT,
        record(field("x", ["null", "int"])),
        ["consumers on v1 cannot read v2: `x` may be null in v2 and may not in v1"],
    ),
    "a branch more": (
        record(field("x", ["null", "int"])),
        record(field("x", ["null", "int", "string"])),
        ["consumers on v1 cannot read v2: `x` may be string in v2, and in v1 it is one of null, int"],
    ),
    "another size": (
        record(field("x", {"type": "fixed", "name": "F", "size": 4})),
        record(field("x", {"type": "fixed", "name": "F", "size": 8})),
        [
            "consumers on v2 cannot read v1: `x` has 4 bytes in v1 and 8 in v2",
            "consumers on v1 cannot read v2: `x` has 8 bytes in v2 and 4 in v1",
        ],
    ),
    "a type inside an array of records": (
        record(field("x", {"type": "array", "items": json.loads(record(field("n", "int"), name="I"))})),
        record(field("x", {"type": "array", "items": json.loads(record(field("n", "string"), name="I"))})),
        [
            "consumers on v2 cannot read v1: `x[].n` is int in v1 and string in v2",
            "consumers on v1 cannot read v2: `x[].n` is string in v2 and int in v1",
        ],
    ),
    "documentation, order and symbols' order": (
        record(field("x", "int"), field("y", enum("RED", "BLUE"))),
        record(field("y", enum("BLUE", "RED")), field("x", "int", doc="what")),
        [],
    ),
}

HISTORY = (
    record(field("x", "int"), field("old", "int")),  # v1: cannot be read by a reader that wants `fresh`
    record(field("x", "int"), field("fresh", "int", default=0)),
)
HISTORY_NEXT = record(field("x", "int"), field("fresh", "int"))

_BACKWARD = "consumers on v3 cannot read v1: `fresh` has no default"
_FORWARD = "consumers on v1 cannot read v3: `old` has no default"
TOLD_OF_MODES: dict[str, list[str]] = {
    "NONE": [],
    "BACKWARD": [],
    "BACKWARD_TRANSITIVE": [_BACKWARD],
    "FORWARD": [],
    "FORWARD_TRANSITIVE": [_FORWARD],
    "FULL": [],
    "FULL_TRANSITIVE": [_BACKWARD, _FORWARD],
}
"""What each mode says to HISTORY_NEXT as v3 after HISTORY."""
