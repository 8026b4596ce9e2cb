"""Every kind of change that the tables of Avro, Karapace and Confluent's registry ask about, with our own verdicts.

The schemas are ours, and so are the answers. A peer that answers otherwise is named, with the reason why we do not.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from tests_support.contracts.avro_changes import MICROS, MILLIS, decimal, enum, field, record

READERS_OF: Final = {
    "null": {"null"},
    "boolean": {"boolean"},
    "int": {"int", "long", "float", "double"},
    "long": {"long", "float", "double"},
    "float": {"float", "double"},
    "double": {"double"},
    "string": {"string", "bytes"},
    "bytes": {"bytes", "string"},
}
"""Which primitive types read what each of them wrote."""


@dataclass(frozen=True)
class Change:
    """A change: does the new schema read what the old one wrote, and the old what the new one writes?

    ``otherwise`` names the peers that answer one of the two with yes where we say no, and why we say no.
    """

    old: str
    new: str
    new_reads_old: bool
    old_reads_new: bool
    otherwise: str = ""


@dataclass(frozen=True)
class Leap:
    """A new schema after several, oldest first, and the levels that refuse it."""

    history: tuple[str, ...]
    new: str
    refused_under: frozenset[str]


def in_every_place(kind: str) -> dict[str, tuple[Any, Any]]:
    """Return the places in which one type can follow another: (the writer's schema, the reader's) of each."""
    places = {
        "alone": (kind, kind),
        "items of an array": ({"type": "array", "items": kind},) * 2,
        "values of a map": ({"type": "map", "values": kind},) * 2,
        "a field": (json.loads(record(field("x", kind))),) * 2,
        "a union of one": ([kind], [kind]),
        "into a union": (kind, [kind]),
        "out of a union": ([kind], kind),
    }
    beside_null = {"beside null": (["null", kind],) * 2, "to beside null": (kind, ["null", kind])}
    return places if kind == "null" else places | beside_null


def _x(kind: Any, **more: Any) -> str:
    return record(field("x", kind, **more))


def _named(kind: str, name: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "name": name, **more}


def _inner(*fields: dict[str, Any], name: str = "t.Line", **more: Any) -> dict[str, Any]:
    return _named("record", name, fields=list(fields), **more)


def _plain(kind: str) -> dict[str, Any]:
    return {"type": kind}


def _array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def _map(values: Any) -> dict[str, Any]:
    return {"type": "map", "values": values}


def _chain(kind: str) -> str:
    return record(field("value", kind), field("next", ["null", "R"], default=None))


_A: Final = field("a", "int")
_A_0: Final = field("a", "int", default=0)
_B: Final = field("b", "string")
_B_: Final = field("b", "string", default="")
_ID: Final = _named("fixed", "t.Id", size=16)
_SIZES: Final = enum("S", "M")
_SIZES_S: Final = enum("S", "M", default="S")
_NAMESPACES: Final = (
    "Avro, Karapace, Confluent: they compare names without namespaces; code and a union's branch go by the full one"
)
_LOGICAL: Final = (
    "Avro, Karapace, Confluent: they compare the types below, and a value would be read as another one, in silence"
)
_EMPTY: Final = "Avro, Karapace: a union of nothing has no value, so nobody means it"
_DEFAULT: Final = "Karapace, Confluent: they look at no default; whoever falls back on it fails when it reads"

CHANGES: Final = {
    # Fields of a record.
    "a field more, with a default": Change(record(_A), record(_A, _B_), True, True),
    "a field more, without one": Change(record(_A), record(_A, _B), False, True),
    "a field less that had a default": Change(record(_A, _B_), record(_A), True, True),
    "a field less that had none": Change(record(_A, _B), record(_A), True, False),
    "a field gets a default": Change(record(_A, _B), record(_A, _B_), True, True),
    "a field loses its default": Change(record(_A, _B_), record(_A, _B), True, True),
    "one field comes with a default, another goes that had one": Change(record(_A_0), record(_B_), True, True),
    "one field comes without, another goes that had none": Change(record(_A), record(_B), False, False),
    "the first fields, without defaults": Change(record(), record(_A, _B), False, True),
    "the first fields, with defaults": Change(record(), record(_A_0, _B_), True, True),
    "fields in another order": Change(record(_A, _B), record(_B, _A), True, True),
    "another field's name, the old one as alias": Change(
        record(_A), record(field("count", "int", aliases=["a"])), True, False
    ),
    "another field's name and a wider type": Change(
        record(_A), record(field("count", "long", aliases=["a"])), True, False
    ),
    "words for people": Change(record(_A), record(field("a", "int", doc="how many", order="ignore")), True, True),
    "another default": Change(record(_A_0), record(field("a", "int", default=7)), True, True),
    # Names.
    "another record's name": Change(record(_A), record(_A, name="S"), False, False),
    "another record's name, the old one as alias": Change(
        record(_A), json.dumps(_inner(_A, name="t.S", aliases=["t.R"])), True, False
    ),
    "another namespace": Change(record(_A), record(_A, namespace="u"), False, False, _NAMESPACES),
    "another namespace of an inner record": Change(
        _x(["null", _array(_inner(_A))]), _x(["null", _array(_inner(_A, name="u.Line"))]), False, False, _NAMESPACES
    ),
    "another namespace, the old name as alias": Change(
        record(_A), json.dumps(_inner(_A, name="u.R", aliases=["t.R"])), True, False,
        "Avro, Karapace, Confluent: the old schema knows no such alias; they compare names without namespaces",
    ),
    # Records in records.
    "a field more of an inner record, with a default": Change(
        _x(_array(_inner(_A))), _x(_array(_inner(_A, _B_))), True, True
    ),
    "a field more of an inner record, without one": Change(_x(_map(_inner(_A))), _x(_map(_inner(_A, _B))), False, True),
    "another name of an inner record": Change(_x(_inner(_A)), _x(_inner(_A, name="t.Row")), False, False),
    "a record that holds itself": Change(_chain("int"), _chain("int"), True, True),
    "a record that holds itself, with a wider number": Change(_chain("int"), _chain("long"), True, False),
    "a record to a primitive": Change(_x(_inner(_A)), _x("int"), False, False),
    "a record to a map": Change(_x(_inner(_A)), _x(_map("int")), False, False),
    # Enums.
    "a symbol more": Change(_x(_SIZES), _x(enum("S", "M", "L")), True, False),
    "a symbol more, a default in both": Change(_x(_SIZES_S), _x(enum("S", "M", "L", default="S")), True, True),
    "a symbol more, and a default only then": Change(_x(_SIZES), _x(enum("S", "M", "L", default="S")), True, False),
    "a symbol less": Change(_x(_SIZES), _x(enum("S")), False, True),
    "a symbol less, a default in both": Change(_x(_SIZES_S), _x(enum("S", default="S")), True, True),
    "another symbol": Change(_x(_SIZES), _x(enum("S", "XL")), False, False),
    "symbols in another order": Change(_x(_SIZES), _x(enum("M", "S")), True, True),
    "another default of an enum": Change(_x(_SIZES_S), _x(enum("S", "M", default="M")), True, True),
    "another default of an enum, and of its field": Change(
        _x(enum("S", "M", "L", default="S"), default="M"), _x(enum("S", "M", default="M"), default="S"), True, True
    ),
    "another name of an enum": Change(_x(_SIZES), _x({**_SIZES, "name": "Cut"}), False, False),
    "another name of an enum, the old one as alias": Change(
        _x(_SIZES), _x({**_SIZES, "name": "Cut", "aliases": ["Colour"]}), True, False
    ),
    "an enum to a text": Change(_x(_SIZES), _x("string"), False, False),
    "an enum to a number": Change(_x(_SIZES), _x("int"), False, False),
    # Fixed bytes.
    "more bytes of a fixed": Change(_x(_ID), _x({**_ID, "size": 32}), False, False),
    "another name of a fixed": Change(_x(_ID), _x({**_ID, "name": "t.Key"}), False, False),
    "another name of a fixed, the old one as alias": Change(
        _x(_ID), _x({**_ID, "name": "t.Key", "aliases": ["t.Id"]}), True, False
    ),
    "fixed bytes to any": Change(_x(_ID), _x("bytes"), False, False),
    "fixed bytes to a text": Change(_x(_ID), _x("string"), False, False),
    # Arrays and maps.
    "an array to a map": Change(_x(_array("int")), _x(_map("int")), False, False),
    "an array to its item": Change(_x(_array("int")), _x("int"), False, False),
    "an array in an array widens": Change(_x(_array(_array("int"))), _x(_array(_array("double"))), True, False),
    # Unions.
    **{
        f"null allowed beside {kind['type']}": Change(_x(kind), _x(["null", kind]), True, False)
        for kind in (_array("string"), _inner(_A), _SIZES, _ID, _map("int"), _plain("string"))
    },
    "a branch more": Change(_x(["int", "string"]), _x(["int", "string", "boolean"]), True, False),
    **{
        f"a branch less: {kind['type']}": Change(_x(["int", kind]), _x(["int"]), False, True)
        for kind in (*map(_plain, ("string", "null", "boolean", "double")), _inner(_A), _SIZES, _ID, _array("int"),
                     _map("int"))
    },
    "branches in another order": Change(_x(["int", "string"]), _x(["string", "int"]), True, True),
    "all branches read by one": Change(_x(["int", "long", "float"]), _x("float"), True, True),
    "one branch not read by the one": Change(_x(["int", "long", "double"]), _x("float"), False, True),
    "another only branch": Change(_x(["boolean"]), _x(["string"]), False, False),
    "a wider branch": Change(_x(["null", "int"]), _x(["null", "double"]), True, False),
    "wider items of a branch": Change(_x(["null", _array("int")]), _x(["null", _array("long")]), True, False),
    "wider values of a branch": Change(_x(["null", _map("int")]), _x(["null", _map("long")]), True, False),
    "narrower items of a branch": Change(_x(["null", _array("long")]), _x(["null", _array("int")]), False, True),
    "another record as branch": Change(
        _x(["int", _inner(_A)]), _x(["int", _inner(_A, name="t.Row")]), False, False
    ),
    "a field more of a branch": Change(_x(["null", _inner(_A)]), _x(["null", _inner(_A, _B)]), False, True),
    "a symbol more of a branch": Change(_x(["null", _SIZES]), _x(["null", enum("S", "M", "L")]), True, False),
    "the first branches": Change(_x([]), _x(["null", "int"]), False, False, _EMPTY),
    # Logical types.
    "a logical type comes": Change(_x("long"), _x(MICROS), False, False, _LOGICAL),
    "another unit of time": Change(_x(MILLIS), _x(MICROS), False, False, _LOGICAL),
    "another scale": Change(_x(decimal(12, 2)), _x(decimal(12, 4)), False, False, _LOGICAL),
    "more digits": Change(_x(decimal(12, 2)), _x(decimal(18, 2)), False, False, _LOGICAL),
    "a date widens to a long": Change(
        _x({"type": "int", "logicalType": "date"}), _x("long"), False, False, _LOGICAL
    ),
    "a logical type that nobody knows": Change(
        _x("string"), _x({"type": "string", "logicalType": "colour-name"}), True, True
    ),
    # Defaults.
    "the text null as default beside null": Change(
        _x(["null", "string"]), _x(["null", "string"], default="null"), True, True
    ),
    "a text as default of a number": Change(
        record(_A), record(_A, field("b", "int", default="7")), False, False, _DEFAULT
    ),
    "a symbol that is none as default of an enum": Change(
        _x(_SIZES_S), _x(enum("S", "M", default="XS")), False, False, _DEFAULT
    ),
}  # fmt: skip

_V1: Final = record(_A)
_V2: Final = record(_A, _B_)
_V3: Final = record(_A, _B)
_V4: Final = record(_A, _B_, field("c", "string", default="-"))
_NONE: Final = frozenset[str]()

LEAPS: Final = {
    "a default comes and goes": Leap((_V1, _V2), _V3, frozenset({"BACKWARD_TRANSITIVE", "FULL_TRANSITIVE"})),
    "a default comes, then the field goes": Leap((_V3, _V2), _V1, frozenset({"FORWARD_TRANSITIVE", "FULL_TRANSITIVE"})),
    "fields with defaults come, one by one": Leap((_V1, _V2), _V4, _NONE),
    "fields with defaults go, one by one": Leap((_V4, _V2), _V1, _NONE),
    "the newest comes again": Leap((_V1, _V2), _V2, _NONE),
    "the oldest comes again": Leap((_V1, _V2), _V1, _NONE),
    "a number widens twice": Leap(
        (_x("int"), _x("long")), _x("double"),
        frozenset({"FORWARD", "FORWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"}),
    ),
    "a number widens and narrows": Leap(
        (_x("int"), _x("long")), _x("int"), frozenset({"BACKWARD", "BACKWARD_TRANSITIVE", "FULL", "FULL_TRANSITIVE"})
    ),
    "a text that was a number once": Leap(
        (_x("int"), _x("string")), _x("bytes"),
        frozenset({"BACKWARD_TRANSITIVE", "FORWARD_TRANSITIVE", "FULL_TRANSITIVE"}),
    ),
    "a text becomes a number": Leap(
        (_x("string"),), _x("int"),
        frozenset(f"{level}{more}" for level in ("BACKWARD", "FORWARD", "FULL") for more in ("", "_TRANSITIVE")),
    ),
    "the first one": Leap((), _V3, _NONE),
}  # fmt: skip
"""Under NONE everything may come."""
