"""The records of the corpus of verdicts: ours, and what foreign or broken writers and chance put into the topic."""

import io
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import fastavro

from tally.base.framing import frame
from tally.generated.avro.sum_added import SumAdded
from tests_support.ledger.records import LIMIT, PARTITION, body, request_id

OURS, LETTERS = 1, 2
GUID: Final = bytes.fromhex("89791762233641869674299b90a802e2")
ID: Final = request_id(0)
ELSEWHERE: Final = request_id(0, PARTITION + 1)
SEED: Final = 14


@dataclass(frozen=True)
class Case:
    """One record as it stands in partition PARTITION, and its verdict: a kind, a reason, and a digest of its row."""

    name: str
    key: bytes | None
    value: bytes | None
    header: bytes | None = None


def _own() -> Any:
    return json.loads(SumAdded.SCHEMA)


def _changed(name: str, change: Any) -> str:
    schema = _own()
    for field in schema["fields"]:
        if field["name"] == name:
            change(field)
    return json.dumps(schema)


def _typed(name: str, kind: Any) -> str:
    return _changed(name, lambda field: field.update(type=kind))


def _with_field(field: dict[str, Any], *, first: bool = False) -> str:
    schema = _own()
    schema["fields"].insert(0 if first else len(schema["fields"]), field)
    return json.dumps(schema)


def _decimal(**facets: Any) -> dict[str, Any]:
    return {"type": "fixed", "name": "odd", "size": 16, "logicalType": "decimal", "precision": 38, "scale": 9} | facets


def _nested(depth: int) -> Any:
    kind: Any = "int"
    for _ in range(depth):
        kind = {"type": "array", "items": kind}
    return kind


PROTOBUF: Final = (Path(__file__).parents[2] / "contracts/history/tally/v1/tally.proto/v1.proto").read_text("utf-8")


def golden_schemas() -> dict[int, str]:
    renamed = _own() | {"name": "Other", "namespace": "elsewhere"}
    lacking = _own()
    del lacking["fields"][3]
    reordered = _own()
    reordered["fields"].reverse()
    error = _own() | {"type": "error"}
    nameless = _own()
    del nameless["fields"][1]["name"]
    untyped = _own()
    del untyped["fields"][1]["type"]
    twice = _own()
    twice["fields"].append(dict(twice["fields"][4]))
    logical = _own() | {"logicalType": "decimal", "precision": 4, "scale": 2}
    aliased = _own()
    aliased["fields"][1] |= {"name": "first", "aliases": ["a"]}
    return {
        OURS: SumAdded.SCHEMA,
        3: _with_field({"name": "note", "type": "string", "default": ""}),
        4: _with_field({"name": "note", "type": "string"}, first=True),
        5: json.dumps(reordered),
        6: json.dumps(renamed),
        7: json.dumps(lacking),
        8: _typed("a", _decimal(scale=4)),
        9: _typed("a", _decimal(precision=20)),
        10: _typed("a", "double"),
        11: _typed("a", "string"),
        12: _typed("a", {"type": "bytes", "logicalType": "decimal", "precision": 38, "scale": 9}),
        13: _typed("a", ["null", _own()["fields"][1]["type"]]),
        14: _typed("added_at", "int"),
        15: _typed("added_at", "long"),
        16: _typed("added_at", {"type": "long", "logicalType": "timestamp-millis"}),
        17: _typed("request_id", {"type": "fixed", "name": "other_id", "size": 16}),
        18: _typed("request_id", {"type": "string", "logicalType": "uuid"}),
        19: _typed("a", _decimal(size=20)),
        20: '"string"',
        21: "string",
        22: json.dumps(["null", _own()]),
        23: json.dumps([_own()]),
        24: PROTOBUF,
        25: "",
        26: "null",
        27: "7",
        28: "{}",
        29: '{"type": "record"}',
        30: '{"type": "record", "name": "R", "fields": 3}',
        31: '{"type": "record", "name": "R", "fields": []}',
        32: '{"type": "record", "name": "R", "fields": [7]}',
        33: json.dumps(nameless),
        34: json.dumps(untyped),
        35: json.dumps(twice),
        36: json.dumps(logical),
        37: json.dumps(aliased),
        38: json.dumps(error),
        39: '{"type": "enum", "name": "E", "symbols": ["A"]}',
        40: '{"type": "array", "items": "int"}',
        41: '{"type": "fixed", "name": "F", "size": 72}',
        42: '{"type": {"type": "record", "name": "R", "fields": []}}',
        43: _with_field({"name": "deep", "type": _nested(60)}),
        44: '{"type": "record", "name": "R", "fields": [{"name": "r", "type": ["null", "R"]}]}',
        45: _with_field({"name": "more", "type": {"type": "array", "items": "null"}}),
        46: _with_field({"name": "unknown", "type": "elsewhere.Missing"}),
        47: _with_field({"name": "text", "type": "bytes"}, first=True),
        48: json.dumps(_own() | {"namespace": 7}),
        49: json.dumps(_own() | {"fields": {"a": 1}}),
        50: '{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object"}',
        51: "\ud800 is no text".encode("utf-8", "surrogatepass").decode("utf-8", "replace"),
        52: json.dumps(_own(), indent=4),  # ours in another text
        53: _typed("sum", _decimal(name="sum_", scale=0)),
        54: _with_field({"name": "choice", "type": ["int", "string"]}),
        55: "[" * 300 + "]" * 300,
        56: json.dumps({"type": "record", "name": "R", "fields": [], "logicalType": {"deep": 1}}),
    }


def _written(schema: str, **fields: Any) -> bytes:
    own = {"request_id": ID, "a": _sixteen(1), "b": _sixteen(2), "sum": _sixteen(3), "added_at": 10**15}
    out = io.BytesIO()
    plain = json.loads(schema)
    for field in plain["fields"]:
        if isinstance(field["type"], dict):
            for facet in ("logicalType", "precision", "scale"):
                field["type"].pop(facet, None)
    fastavro.schemaless_writer(out, fastavro.parse_schema(plain), own | fields)
    return out.getvalue()


def _sixteen(number: int) -> bytes:
    return number.to_bytes(16, "big", signed=True)


_READABLE: Final = (OURS, 3, 4, 5, 43, 45, 47, 52, 54)
"""Ids whose schema resolves to ours."""


def golden_cases() -> Iterator[Case]:
    schemas, own = golden_schemas(), body(ID, 1, 2)
    # 1. ours, good and not
    yield Case("ours", ID, frame(OURS) + own)
    yield Case("ours with a short moment", ID, frame(OURS) + own[:64] + b"\x02")
    yield Case("ours with a negative number", ID, frame(OURS) + body(ID, -5, 2))
    yield Case("the largest numbers", ID, frame(OURS) + body(ID, LIMIT - 1, 1 - LIMIT))
    for at in (0, 1, 15, 16, 31, 48, 63, 64, 65, 70, 71):
        yield Case(f"ours cut to {at} bytes", ID, frame(OURS) + own[:at])
    yield Case("ours with a byte behind", ID, frame(OURS) + own + b"\0")
    yield Case("ours with a moment of eleven bytes", ID, frame(OURS) + own[:64] + b"\x80" * 10 + b"\x01")
    yield Case("ours with a moment of ten bytes", ID, frame(OURS) + own[:64] + b"\xff" * 9 + b"\x01")
    yield Case("ours with a moment of too many bits", ID, frame(OURS) + own[:64] + b"\xff" * 9 + b"\x02")
    yield Case("ours with an overlong moment", ID, frame(OURS) + own[:64] + b"\x80\x00")
    yield Case("ours, 39 digits", ID, frame(OURS) + body(ID, LIMIT, 0))
    yield Case("ours, a sum of 39 digits", ID, frame(OURS) + body(ID, LIMIT - 1, 1))
    yield Case("ours, the least number of 128 bits", ID, frame(OURS) + body(ID, -(2**127), 0))
    yield Case("ours, a wrong sum", ID, frame(OURS) + body(ID, 1, 2, 4))
    yield Case("ours, no key", None, frame(OURS) + own)
    yield Case("ours, an empty key", b"", frame(OURS) + own)
    yield Case("ours, a long key", ID + b"\0", frame(OURS) + own)
    yield Case("ours, another's key", ELSEWHERE, frame(OURS) + own)
    yield Case("ours, in another partition", ELSEWHERE, frame(OURS) + body(ELSEWHERE, 1, 2))
    yield Case("ours, a wrong sum under no key", None, frame(OURS) + body(ID, 1, 2, 4))
    # 2. frames
    yield Case("no value", ID, None)
    for value in (b"", b"\0", b"\0\0\0\0", b"\x02" + own, b"\xff" * 80, b"{}", b"\x01" + bytes(15)):
        yield Case(f"no frame: {value[:6].hex()} of {len(value)}", ID, value)
    yield Case("a frame and nothing", ID, frame(OURS))
    yield Case("a GUID before the body", ID, b"\x01" + GUID + own)
    yield Case("a GUID in the header", ID, own, b"\x01" + GUID)
    yield Case("our id in the header", ID, own, frame(OURS))
    yield Case("our id in the header, a frame as well", ID, frame(OURS) + own, frame(OURS))
    yield Case("an empty header", ID, frame(OURS) + own, b"")
    yield Case("a header with bytes behind", ID, own, frame(OURS) + b"x")
    yield Case("a header of a wrong magic", ID, own, b"\x07abcd")
    yield Case("a header and no value", ID, None, frame(OURS))
    yield Case("an unknown id in the header", ID, own, frame(999))
    for unknown in (0, 999, 2**31 - 1, 2**31, 2**32 - 1):
        yield Case(f"unknown id {unknown}", ID, frame(unknown) + own)
    # 3. every schema over bytes of ours, over nothing, over its own
    for schema_id in schemas:
        yield Case(f"schema {schema_id} over our bytes", ID, frame(schema_id) + own)
        yield Case(f"schema {schema_id} over nothing", ID, frame(schema_id))
        yield Case(f"schema {schema_id} over ones", ID, frame(schema_id) + b"\x01" * 90)
    yield from (Case(name, ID, value) for name, value in _foreign(schemas))
    # 4. at random
    rng = random.Random(SEED)
    for number in range(120):
        flipped = bytearray(frame(rng.choice(list(schemas))) + own)
        for _ in range(rng.randrange(1, 5)):
            flipped[rng.randrange(5, len(flipped))] = rng.randrange(256)
        yield Case(f"random {number}", ID, bytes(flipped[: rng.choice((len(flipped), rng.randrange(5, 80)))]))
    for number in range(150):
        before, behind = rng.choice((b"", b"\0", b"\x02x")), rng.randbytes(rng.randrange(4))
        odd = bytearray(frame(rng.choice(_READABLE)) + before + own + behind)
        for _ in range(rng.randrange(3)):
            odd[rng.randrange(5, len(odd))] = rng.randrange(256)
        yield Case(f"random readable {number}", ID, bytes(odd))


def _foreign(schemas: dict[int, str]) -> Iterator[tuple[str, bytes]]:
    def written(schema_id: int, **fields: Any) -> bytes:
        return frame(schema_id) + _written(schemas[schema_id], **fields)

    yield "one field more", written(3, note="hello")
    yield "one field more, cut", written(3, note="hello")[:-1]
    yield "one field more, bytes behind", written(3, note="hello") + b"\0"
    yield "one field more, a text that is no UTF-8", written(3, note="xy")[:-2] + b"\xff\xfe"
    yield "one field before", written(4, note="x")
    yield "a length that is far away", frame(4) + b"\xfe\xff\xff\xff\xff\xff\xff\xff\x7f" + body(ID, 1, 2)
    yield "a negative length", frame(4) + b"\x01" + body(ID, 1, 2)
    yield "reversed", written(5)
    yield "renamed", written(6)
    yield "scale 4", written(8)
    yield "precision 20", written(9)
    yield "a double", written(10, a=1.0)
    yield "a text", written(11, a="1")
    yield "bytes", written(12, a=_sixteen(1))
    yield "bytes, too few", written(12, a=b"\1")
    yield "a union with its value", written(13, a=_sixteen(1))
    yield "a union with null", written(13, a=None)
    yield "a moment of 32 bits", written(14, added_at=7)
    yield "a plain moment", written(15)
    yield "a moment in ms", written(16)
    yield "a plain moment beyond time", written(15, added_at=2**63 - 1)
    yield "a plain moment before time", written(15, added_at=-(2**63))
    yield "another name of the id", written(17)
    yield "an id as text", written(18, request_id="00000000-0000-0000-0000-000000000000")
    yield "a wide number", written(19, a=(1).to_bytes(20, "big"))
    yield "a wrong sum by another schema", written(3, note="", sum=_sixteen(4))
    yield "39 digits by another schema", written(3, note="", a=_sixteen(LIMIT))
    yield "another id by another schema", written(3, note="", request_id=ELSEWHERE)
    yield "deep", written(43, deep=[])
    yield "deeper", frame(43) + _written(schemas[43], deep=[])[:-1] + b"\x02" * 60 + b"\x00" * 60
    yield "a million nulls", frame(45) + _written(schemas[45], more=[])[:-1] + b"\x80\x89\x7a" + b"\0"
    yield "bytes before", written(47, text=b"x" * 300)
    yield "ours in another text", frame(52) + body(ID, 1, 2)
    yield "ours in another text, wrong sum", frame(52) + body(ID, 1, 2, 4)
    yield "a union's branch that is none", frame(54) + _written(schemas[54], choice=7)[:-2] + b"\x08"
    yield "a union's branch", written(54, choice="text")
    yield "an error type", frame(38) + body(ID, 1, 2)
    yield "a moment that ends a varint", frame(15) + body(ID, 1, 2)[:64] + b"\xff" * 9 + b"\x02"
    for name, moment in (
        ("overlong", b"\x80\x80\x80\0"), ("of twelve bytes", b"\x80" * 11 + b"\1"), ("cut", b"\x80"), ("absent", b""),
        ("of too many bits", b"\xff" * 9 + b"\x02"), ("beyond time", b"\xfe" + b"\xff" * 8 + b"\x01"),
        ("before time", b"\xff" * 9 + b"\x01"),
    ):  # fmt: skip
        yield f"a moment {name} by another schema", frame(4) + b"\0" + body(ID, 1, 2)[:64] + moment
