"""Differences are told in words, and contracts come out of a registry as files that generate."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from codegen import avro_parse, pull
from codegen.avro_diff import words as avro_words
from codegen.errors import CodegenError
from codegen.proto_diff import words as proto_words
from codegen.proto_stubs import descriptors_of
from common.registry_http import RegistryHttp
from tests_support.fake_registry import FakeRegistry


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


@pytest.fixture
def registry() -> FakeRegistry:
    fake = FakeRegistry()
    fake.subjects = {
        "orders-value": [_avro(_field("x")), _avro(_field("x"), _field("y", default=0))],
        "shop/v1/base.proto": ['syntax = "proto3";\npackage shop.v1;\nmessage Base {}\n'],
        "shop/v1/order.proto": ['syntax = "proto3";\npackage shop.v1;\nimport "shop/v1/base.proto";\nmessage O {}\n'],
    }
    fake.kinds = {"shop/v1/base.proto": "PROTOBUF", "shop/v1/order.proto": "PROTOBUF"}
    reference = {"name": "shop/v1/base.proto", "subject": "shop/v1/base.proto", "version": 1}
    fake.references = {"shop/v1/order.proto": [reference]}
    return fake


@pytest.fixture
def http(registry: FakeRegistry) -> Iterator[RegistryHttp]:
    client = RegistryHttp("http://r", attempts=1, transport=httpx.MockTransport(registry.answer))
    yield client
    client.close()


def test_acceptance_5_a_subject_is_pulled_with_all_that_it_imports(http: RegistryHttp, tmp_path: Path) -> None:
    lines = pull.write(tmp_path, pull.pull(http, "shop/v1/order*"))
    assert len(lines) == 2
    assert (tmp_path / "proto/shop/v1/base.proto").is_file()
    assert "import" in (tmp_path / "proto/shop/v1/order.proto").read_text()


def test_acceptance_5_the_newest_version_is_pulled_or_the_one_that_is_asked_for(
    http: RegistryHttp, tmp_path: Path
) -> None:
    for pattern, fields in (("orders*", 2), ("orders-value@1", 1), ("orders-value@latest", 2)):
        folder = tmp_path / pattern.replace("*", "")
        pull.write(folder, pull.pull(http, pattern))
        assert len(json.loads((folder / "avro/order_placed.avsc").read_text())["fields"]) == fields


@pytest.mark.parametrize(
    ("pattern", "words"),
    [("nothing", "fits no subject of http://r; there are orders-value"), ("orders-value@x", "the version is 'x'")],
)
def test_a_pattern_that_fits_nothing_is_told(http: RegistryHttp, pattern: str, words: str) -> None:
    with pytest.raises(CodegenError, match=words):
        pull.pull(http, pattern)


def test_files_that_are_there_and_say_something_else_are_left_alone(http: RegistryHttp, tmp_path: Path) -> None:
    pull.write(tmp_path, pull.pull(http, "orders-value@1"))
    before = (tmp_path / "avro/order_placed.avsc").read_text()
    assert pull.write(tmp_path, pull.pull(http, "orders-value@1")) == []
    with pytest.raises(CodegenError, match="says something else"):
        pull.write(tmp_path, pull.pull(http, "orders-value@2"))
    assert (tmp_path / "avro/order_placed.avsc").read_text() == before


def test_a_path_of_a_registry_does_not_leave_the_folder(
    http: RegistryHttp, registry: FakeRegistry, tmp_path: Path
) -> None:
    registry.subjects["../../evil.proto"] = ['syntax = "proto3";\n']
    registry.kinds["../../evil.proto"] = "PROTOBUF"
    with pytest.raises(CodegenError, match="is not a path below"):
        pull.write(tmp_path / "out", pull.pull(http, "*evil*"))
    assert not list(tmp_path.rglob("*"))
