"""Schemas and bodies of strangers: named ones that end or hold up a careless reader, and any number at random."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from tally.generated.avro.sum_added import SumAdded

PRIMITIVES: Final = ("null", "boolean", "int", "long", "float", "double", "string", "bytes")
FLAGS: Final = {"type": "array", "items": "boolean"}
NODE: Final = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}
COUNT_MAX: Final = b"\xfe" + b"\xff" * 8 + b"\x01"  # 2**63 - 1
COUNT_MIN: Final = b"\xff" * 9 + b"\x01"  # -2**63
COMMON: Final = bytes(64) + b"\x80\x80\x80\x80\x80\x80\x80\x01"
"""A body of ours: zeros, and a moment of eight bytes."""


@dataclass(frozen=True)
class Strange:
    """A record of our schema with one field more for each type behind ours, and the verdict on it.

    ``tail``: the bytes of these fields.
    """

    name: str
    types: Sequence[Any]
    tail: bytes
    reason: str = "NONE"
    marks: Any = None
    """What stands in the schema beside its fields."""

    @property
    def schema(self) -> str:
        """The schema's text."""
        return json.dumps(writer(*self.types) | (self.marks or {}))


def writer(*types: Any, front: bool = False) -> Any:
    """Return our schema with one field more for each type, behind ours or in front of them."""
    schema = json.loads(SumAdded.SCHEMA)
    extra = [{"name": f"extra_{number}", "type": kind} for number, kind in enumerate(types)]
    schema["fields"] = extra + schema["fields"] if front else schema["fields"] + extra
    return schema


def record(name: str, *types: Any) -> Any:
    """Return a record type with a field of each type."""
    fields = [{"name": f"f{number}", "type": kind} for number, kind in enumerate(types)]
    return {"type": "record", "name": name, "fields": fields}


def array(items: Any) -> Any:
    """Return an array type."""
    return {"type": "array", "items": items}


def fixed(size: Any) -> Any:
    """Return a fixed type of a size, which may be none."""
    return {"type": "fixed", "name": "Odd", "size": size}


def chain(levels: int, first: Any = "string", times: int = 1) -> list[Any]:
    """Return types each of which holds the one before, so often, so that a value of the last is that deep."""
    return [record("L0", first)] + [record(f"L{level}", *[f"L{level - 1}"] * times) for level in range(1, levels)]


NO_NAMESPACE: Final = {"namespace": ""}
MARKS: Final = {"__fastavro_parsed": True, "__named_schemas": {"tally.v1.Odd": "tally.v1.Odd"}}
WIDE: Final = record("Wide", ["null", "Wide"], *["int"] * 300)
STRANGE: Final = (
    Strange("a recursive record", [NODE], b"\x02" * 200_000 + b"\x00"),
    Strange("a recursive record, cut", [NODE], b"\x02" * 100_000, "UNDECODABLE"),
    Strange("records in turn", [record("A", ["null", record("B", ["null", "A"])])], b"\2" * 9 + b"\0"),
    Strange("a recursive record in a map", [{"type": "map", "values": NODE}], b"\2\2k" + b"\2" * 100_000 + b"\0\0"),
    Strange("a recursive record in the record itself", [["null", "SumAdded"]], b"\2" + COMMON + b"\0"),
    Strange("a wide recursive record, cut", [WIDE], b"\x02" * 30_000, "UNDECODABLE"),
    Strange("2**63 - 1 nulls", [array("null")], COUNT_MAX + b"\0"),
    Strange("2**63 - 1 fixed of no bytes", [array(fixed(0))], COUNT_MAX + b"\0"),
    Strange("2**63 - 1 records of no bytes", [array(record("Empty", "null"))], COUNT_MAX + b"\0"),
    Strange("2**63 - 1 booleans behind the end", [FLAGS], COUNT_MAX + b"\1", "UNDECODABLE"),
    Strange("2**63 - 1 doubles behind the end", [array("double")], COUNT_MAX, "UNDECODABLE"),
    Strange("2**63 - 1 texts behind the end", [array("string")], COUNT_MAX, "UNDECODABLE"),
    Strange("a block of a negative count", [array(NODE)], b"\5\6\2\2\0" + b"\2\0" + b"\0"),
    Strange("a block of the least count", [array("null")], COUNT_MIN + b"\0\0"),
    Strange("a block of a negative count and size", [array("int")], b"\1\1\0", "UNDECODABLE"),
    Strange("a block of a size behind the end", [array(NODE)], b"\1" + COUNT_MAX, "UNDECODABLE"),
    Strange("types in a row", chain(2_000), bytes(2_000)),
    Strange("types in a row, 2,048 times", [*chain(2_000), array("L1999")], bytes(2_000) + b"\x80\x20" + bytes(2_049)),
    Strange("types in a row, cut", chain(2_000), bytes(1_999), "UNDECODABLE"),
    Strange("types that double", chain(60, "null", times=2), b""),
    Strange("types that double, behind the end", chain(60, "boolean", times=2), b""),
    Strange("a record without an end", [record("Endless", "Endless")], bytes(1_000), "UNDECODABLE"),
    Strange("records without an end", [record("E", "boolean", record("F", "long", "E"))], bytes(99), "UNDECODABLE"),
    Strange("a negative size takes all", [fixed(-1)], b"abc"),
    Strange("a negative size in an array", [array(fixed(-1))], b"\2\0", "UNDECODABLE"),
    Strange("no size takes all", [fixed(None)], b"abc"),
    Strange("a size that is a text", [record("R", fixed("3"))], b"abc", "UNDECODABLE"),
    Strange("a size that is a text, of no items", [array(fixed("3"))], b"\0"),
    Strange("a size of 71 bits", [NODE, fixed(2**70)], b"\0abc", "UNDECODABLE"),
    Strange("a size of 63 bits", [NODE, fixed(2**62)], b"\0abc"),
    Strange("a type that is called enum", [record("enum", "string"), "enum"], b"\2a\1", marks=NO_NAMESPACE),
    Strange("such a type beside a recursive one", [record("enum", NODE), "enum"], b"\2\0\1", marks=NO_NAMESPACE),
    Strange("such a type called array", [record("array", NODE), "array"], b"\2\0\0", "UNDECODABLE", NO_NAMESPACE),
    Strange("fastavro's own marks", [fixed(1), "Odd"], b"ab", marks=MARKS),
    Strange("no union has that branch", [["null", NODE], ["null"]], b"\2\0\2", "UNDECODABLE"),
    Strange("a branch counted from the end", [["null", NODE]], b"\1\0"),
    Strange("no fields", [], b"", "UNREADABLE_SCHEMA", marks={"fields": []}),
)  # fmt: skip


def types_below(rng: random.Random, depth: int, names: list[str]) -> Any:
    """Return a random type, which may refer to names that were made before and to itself."""
    kind = rng.choice(("primitive", "array", "map", "union", "record", "fixed", "enum", "name"))
    if kind == "name" and names:
        return rng.choice(names)
    if depth == 0 or kind in {"primitive", "name"}:
        return rng.choice(PRIMITIVES)
    if kind == "array":
        return array(types_below(rng, depth - 1, names))
    if kind == "map":
        return {"type": "map", "values": types_below(rng, depth - 1, names)}
    if kind == "union":
        return [*rng.sample(PRIMITIVES, rng.randint(1, 3)), *names[-1:]]
    own = f"T{rng.getrandbits(48)}"
    made: dict[str, Any] = {"type": kind, "name": own}
    if kind == "fixed":
        made["size"] = rng.choice((0, 1, 2, 5, -1, None, True, 2.0, "3", 1 << 62, 1 << 63))
    elif kind == "enum":
        made["symbols"] = ["A", "B"]
    else:
        made["fields"] = _fields(rng, depth, names, own)
    names.append(own)
    return made


def _fields(rng: random.Random, depth: int, names: list[str], own: str) -> list[Any]:
    fields = [{"name": f"f{n}", "type": types_below(rng, depth - 1, names)} for n in range(rng.randint(0, 3))]
    return fields + [{"name": "again", "type": ["null", own]}] * rng.randint(0, 1)


def any_writer(rng: random.Random) -> Any:
    """Return our schema with random fields behind ours or in front of them."""
    names: list[str] = []
    return writer(*(types_below(rng, 3, names) for _ in range(rng.randint(1, 3))), front=rng.random() < 0.5)


def changed(rng: random.Random, schema: Any) -> Any:
    """Return a schema in which one of our fields has a type that resolves to ours, or just does not."""
    field = rng.choice([each for each in schema["fields"] if not each["name"].startswith("extra")])
    own = dict(field["type"]) if isinstance(field["type"], dict) else field["type"]
    name = own.get("name", "Own")
    others: list[Any] = [
        "int", "long", "string", ["null", own], ["null", "string"], [own, "int"], ["null", ["null", own]],
        ["int", "long"],
        {"type": "fixed", "name": f"other.{name}", "size": 16}, {"type": "fixed", "name": "Other", "size": 16},
        {"type": "fixed", "name": name, "size": 8}, {"type": "fixed", "name": name, "size": 16.0},
        record(name), record("Else"), {"type": "enum", "name": name, "symbols": ["A"]}, array("null"), {"type": "int"},
        [], NODE, ["null", NODE], {"type": "map", "values": own},
    ]  # fmt: skip
    chosen = rng.choice(others)
    if isinstance(chosen, dict) and "logicalType" in own and rng.random() < 0.7:
        chosen = own | chosen
    field["type"] = chosen
    if rng.random() < 0.1:
        schema["name"] = rng.choice(("Else", "other.SumAdded"))
    return schema


def any_body(rng: random.Random, common: bytes = bytes(65)) -> bytes:
    """Return a random body, with one of ours within or without."""
    # No byte begins a number above 2, wherever it is read, so that fastavro is done with what they claim.
    small = bytes(rng.choice((0, 0, 1, 2, 2, 3, 4, 5)) for _ in range(rng.randint(0, 120)))
    if rng.random() < 0.3:
        return small
    return (common + small) if rng.random() < 0.5 else (small[:8] + common + small[8:20])
