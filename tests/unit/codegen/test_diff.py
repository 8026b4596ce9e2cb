"""Differences are told in words, and contracts come out of a registry as files that generate."""

import json
from typing import Any

import pytest

from codegen.avro import parse as avro_parse
from codegen.avro.diff import words as avro_words
from codegen.proto.compiler import descriptors_of
from codegen.proto.diff import words as proto_words


def _avro(*fields: dict[str, Any], **more: Any) -> str:
    return json.dumps({"type": "record", "name": "OrderPlaced", "namespace": "t", "fields": list(fields), **more})


def _field(name: str, kind: Any = "int", **more: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, **more}


COLOUR = {"type": "enum", "name": "Colour", "symbols": ["RED", "BLUE"]}


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (_avro(_field("x")), _avro(_field("x")), []),
        (
            _avro(_field("x")),
            _avro(_field("x"), _field("y", "string", default="")),
            ['t.OrderPlaced: the field `y` (string default "") is new'],
        ),
        (_avro(_field("x"), _field("y")), _avro(_field("x")), ["t.OrderPlaced: the field `y` (int) is gone"]),
        (_avro(_field("x")), _avro(_field("x", "long")), ["t.OrderPlaced: `x` is long, was int"]),
        (_avro(_field("x")), _avro(_field("x", default=1)), ["t.OrderPlaced: `x` has default 1, had no default"]),
        (_avro(_field("x")), _avro(_field("x", doc="d")), ["t.OrderPlaced: `x` is documented in other words"]),
        (
            _avro(_field("x"), _field("y")),
            _avro(_field("y"), _field("x")),
            ["t.OrderPlaced: the fields are in another order"],
        ),
        (
            _avro(_field("c", COLOUR)),
            _avro(_field("c", {**COLOUR, "symbols": ["RED", "GREEN"], "default": "RED"})),
            [
                "t.Colour: the symbol BLUE is gone",
                "t.Colour: the symbol GREEN is new",
                "t.Colour: the default is RED, was none",
            ],
        ),
        (_avro(namespace="a"), _avro(namespace="b"), ["the record a.OrderPlaced is now called b.OrderPlaced"]),
    ],
)
def test_each_difference_of_avro_schemas_is_told_once(old: str, new: str, told: list[str]) -> None:
    """Each difference of two Avro schemas is one sentence, and equal schemas have none."""
    assert list(avro_words(avro_parse.parse("old", old), avro_parse.parse("new", new))) == told


PROTO = """\
syntax = "proto3";
package t;
service S {
  rpc Put(M) returns (M);
}
message M {
  string id = 1;
  int32 count = 2;
}
enum E {
  E_UNSPECIFIED = 0;
}
"""


def test_each_difference_of_protobuf_files_is_told_once() -> None:
    """Each difference of two Protobuf files, in fields, types, calls and enums, is one sentence."""
    new = PROTO.replace("int32 count", "repeated int64 counts").replace("string id = 1;", "string note = 3;")
    new = new.replace("rpc Put(M)", "rpc Put(stream M)").replace("E_UNSPECIFIED = 0;", "E_UNSPECIFIED = 0;\n  E_A = 1;")
    new += "message More {}\n"
    told = list(
        proto_words(
            "t.proto", descriptors_of({"t.proto": PROTO}, "t.proto"), descriptors_of({"t.proto": new}, "t.proto")
        )
    )
    assert told == [
        "M: the field `id` (number 1) is gone",
        "M: the field `note` (string, number 3) is new",
        "M: the field number 2 is called `counts`, was `count`",
        "M: `counts` is repeated int64, was int32",
        "the message More is new",
        "E: the value E_A = 1 is new",
        "the rpc S.Put has another request, answer, stream or option",
    ]
