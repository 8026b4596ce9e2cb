"""Values in Confluent's framing are read by the schema that their id names, with all that it refers to."""

import json
import re
import uuid
from pathlib import Path
from typing import Any

import pytest

from tally.generated.avro import AvroDecodeError, AvroEncodeError
from tally.generated.avro.sum_added import SumAdded
from tally.registry.lookup import SchemaRegistry
from tests_support.contracts.avro_modules import imported, record_text, written

X = {"name": "x", "type": "int"}
Y = {"name": "y", "type": "string"}


class Fake:
    """A registry that knows some schemas by id."""

    def __init__(self, **schemas: str) -> None:
        self._schemas = {int(name.removeprefix("id")): text for name, text in schemas.items()}

    def schema(self, name: int, /) -> str:
        return self._schemas[name]


def test_a_framed_value_is_read_by_the_schema_that_its_id_names(tmp_path: Path) -> None:
    """from_framed asks the registry for the id's schema and resolves it; to_framed writes what it reads."""
    reader = record_text(Y, X)
    with imported(reader, tmp_path) as module:
        record = module.R(y="text", x=7)
        registry = Fake(id7=record_text(X, Y), id8=reader)
        assert record.to_framed(8) == b"\0\0\0\0\10" + record.encode()
        assert module.R.from_framed(record.to_framed(8), registry) == record
        assert (
            module.R.from_framed(b"\0\0\0\0\7" + written(record_text(X, Y), {"x": 7, "y": "text"}), registry) == record
        )
        for data, words in (
            (b"\0\0\0\0", "too short"),
            (b"\1" + bytes(16), "first byte is 1"),
            (b"\0\0\0\0\10", "end"),
        ):
            with pytest.raises(module._runtime.AvroDecodeError, match=words):
                module.R.from_framed(data, registry)
        with pytest.raises(KeyError):
            module.R.from_framed(b"\0\0\0\0\11", registry)


class Referring(Fake):
    """A registry that also says which versions a schema refers to, and counts what it is asked for."""

    def __init__(self, **schemas: str) -> None:
        super().__init__(**schemas)
        self.references: dict[Any, list[tuple[str, int]]] = {}
        self.versions: dict[tuple[str, int], str] = {}
        self.asked: list[Any] = []

    def with_references(self, name: int | tuple[str, int], /) -> tuple[str, list[tuple[str, int]]]:
        self.asked.append(name)
        text = self.versions[name] if isinstance(name, tuple) else self._schemas[name]
        return text, self.references.get(name, [])


ZIP = {"type": "fixed", "name": "Zip", "namespace": "other", "size": 2}
STREET = {
    "type": "record",
    "name": "Street",
    "namespace": "t",
    "aliases": ["Road"],
    "fields": [X, {"name": "zip", "type": "other.Zip"}],
}
PLACE = {
    "type": "record",
    "name": "Place",
    "namespace": "t",
    "doc": "It refers to itself, to a street, and to its zip by way of that.",
    "fields": [
        {"name": "next", "type": ["null", "Place"]},
        {"name": "streets", "type": {"type": "array", "items": "Street"}},
        {"name": "zips", "type": {"type": "map", "values": {"type": "other.Zip"}}},
    ],
}
HOUSE = record_text(Y, {"name": "place", "type": "Place", "doc": "where"}, {"name": "zip", "type": "other.Zip"})


def _houses() -> Referring:
    registry = Referring(id7=HOUSE, id8=record_text(X, Y))
    registry.versions = {
        (name.lower(), 2): json.dumps(tree) for name, tree in (("ZIP", ZIP), ("street", STREET), ("place", PLACE))
    }
    registry.references = {
        7: [("place", 2), ("zip", 2)],
        ("place", 2): [("street", 2), ("zip", 2)],
        ("street", 2): [("zip", 2)],
    }
    return registry


def test_schemas_that_a_writer_s_schema_refers_to_are_fetched_once(tmp_path: Path) -> None:
    """from_framed reads a value whose schema refers to others, by way of others too, and asks once for each of them."""
    registry = _houses()
    whole = json.loads(HOUSE)
    place = json.loads(json.dumps(PLACE))
    place["fields"][2]["type"]["values"] = "other.Zip"
    place["fields"][1]["type"]["items"] = {**STREET, "fields": [X, {"name": "zip", "type": ZIP}]}
    whole["fields"][1]["type"] = place
    value = {
        "y": "text",
        "place": {"next": None, "streets": [{"x": 3, "zip": b"ab"}], "zips": {"k": b"cd"}},
        "zip": b"ef",
    }
    data = written(json.dumps(whole), value)
    turned = {
        **whole,
        "fields": [whole["fields"][1], whole["fields"][0], {"name": "more", "type": "int", "default": 5}],
    }
    with imported(json.dumps(turned), tmp_path) as module:
        record = module.R.from_framed(b"\0\0\0\0\7" + data, registry)
        assert record == module.R.decode(data, json.dumps(whole))
        assert (record.y, record.more, record.place.streets[0].x) == ("text", 5, 3)
        assert module.R.from_framed(b"\0\0\0\0\7" + data, registry) == record
    assert sorted(registry.asked, key=str) == [("place", 2), ("street", 2), ("zip", 2), 7]


def _chain(length: int) -> Referring:
    """Return a registry in which id 7 refers to a@1, that one to a@2, and so on."""
    registry = Referring(id7=record_text(X))
    registry.references[7] = [("a", 1)]
    for i in range(1, length + 1):
        registry.versions["a", i] = record_text(X, name=f"A{i}")
        registry.references["a", i] = [("a", i + 1)] if i < length else []
    return registry


def _broken(what: str) -> Referring:
    """Return a registry whose references of id 7 cannot be followed."""
    if what in {"deep", "not too deep"}:
        return _chain(33 if what == "deep" else 32)
    registry = _chain(3)
    if what == "a circle":
        registry.references["a", 3] = [("a", 2)]
    elif what == "many":
        registry.references[7] = [("b", i) for i in range(257)]
        registry.versions = {one: record_text(X, name=f"B{one[1]}") for one in registry.references[7]}
    elif what == "long":
        registry.versions["a", 3] = " " * 4_000_001
    elif what == "two of a name":
        registry.versions["a", 3] = record_text(Y, name="A1")
    elif what == "no schema":
        registry.versions["a", 3] = "message {}"
    return registry


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("a circle", "the schema 7 refers to schemas in a circle: a@2 -> a@3 -> a@2"),
        ("deep", "the schema 7 has references more than 32 deep: a@1 -> a@2 -> a@3 -> ... -> a@33"),
        ("many", "the schema 7 refers to more than 256 others"),
        ("long", "the schema 7 refers to schemas with more than 4000000 characters"),
        ("two of a name", "define t.A1 in different ways"),
        ("no schema", "the schema 7 and what it refers to are not Avro schemas"),
        ("not too deep", ""),
    ],
    ids=lambda each: each if len(each) < 15 else "",
)
def test_references_are_followed_within_bounds(what: str, words: str, tmp_path: Path) -> None:
    """References in a circle, too deep, too many or of two minds are an AvroDecodeError that says which."""
    registry = _broken(what)
    with imported(record_text(X), tmp_path) as module:
        if words:
            with pytest.raises(module._runtime.AvroDecodeError, match=re.escape(words)):
                module.R.from_framed(b"\0\0\0\0\7\6", registry)
        else:
            assert module.R.from_framed(b"\0\0\0\0\7\6", registry) == module.R(x=3)


def test_our_own_registry_s_look_up_fits(sums: list[SumAdded]) -> None:
    """The registry's client of the product is what from_framed takes, and mypy sees it."""

    def read(data: bytes, registry: SchemaRegistry) -> SumAdded:
        return SumAdded.from_framed(data, registry)

    registry: Any = Fake(id1=SumAdded.SCHEMA)
    for record in sums:
        assert read(record.to_framed(1), registry) == record
    with pytest.raises(AvroEncodeError, match="the id of the schema is -1"):
        sums[0].to_framed(-1)
    with pytest.raises(AvroDecodeError):
        read(b"", registry)


@pytest.fixture
def sums() -> list[SumAdded]:
    """Return a record of the product."""
    body = bytes(15) + b"\7" + bytes(16) * 3 + b"\x80\x80\x80\x80\x80\x80\x80\x01"
    record = SumAdded.decode(body)
    assert record.request_id == uuid.UUID(int=7)
    return [record]
