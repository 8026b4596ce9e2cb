"""Fingerprints are equal exactly for schemas that mean the same, whoever wrote the text."""

import json
import random
from pathlib import Path
from typing import Any

import pytest

from tally.base.fingerprint import AvroSchemaError, fingerprint, normal_form

AVRO = Path(__file__).parents[3] / "contracts" / "avro"
PRICE = {"type": "fixed", "name": "P", "size": 8, "logicalType": "decimal", "precision": 10, "scale": 2}


def _of(schema: Any) -> str:
    return fingerprint(json.dumps(schema))


def _record(*fields: dict[str, Any], **extra: Any) -> dict[str, Any]:
    return {"type": "record", "name": "R", "namespace": "a.b", "fields": list(fields), **extra}


def _shuffled(node: Any, seed: int) -> Any:
    """Return the same JSON with the keys of every object in another order."""
    if isinstance(node, dict):
        keys = list(node)
        random.Random(seed).shuffle(keys)
        return {key: _shuffled(node[key], seed) for key in keys}
    return [_shuffled(item, seed) for item in node] if isinstance(node, list) else node


@pytest.mark.parametrize("path", sorted(AVRO.glob("*.avsc")), ids=lambda path: path.stem)
@pytest.mark.parametrize("seed", range(5))
def test_blanks_and_the_order_of_keys_mean_nothing(path: Path, seed: int) -> None:
    """Each contract's schema has one fingerprint, whatever the blanks and the order of its JSON keys."""
    text = path.read_text(encoding="utf-8")
    assert fingerprint(text) == _of(_shuffled(json.loads(text), seed))


F = {"name": "f", "type": "string"}
SAME = [
    pytest.param(_record(F), _record({**F, "doc": "words"}, doc="more words"), id="doc"),
    pytest.param(_record(F), _record({**F, "aliases": ["g"]}, aliases=["Q"]), id="aliases"),
    pytest.param(_record(F), _record({"name": "f", "type": {"type": "string"}}), id="a primitive as an object"),
    pytest.param(_record(F), _record({"name": "f", "type": {"type": {"type": "string"}}}), id="objects in objects"),
    pytest.param(_record(F), _record({**F, "x-owner": "me"}), id="unknown attributes"),
    pytest.param(_record(F), {"type": "record", "name": "a.b.R", "fields": [F]}, id="a full name"),
    pytest.param(
        _record({"name": "p", "type": {k: v for k, v in PRICE.items() if k != "scale"}}),
        _record({"name": "p", "type": {**PRICE, "scale": 0}}),
        id="a scale of 0 left out",
    ),
    pytest.param(
        _record({"name": "p", "type": PRICE}, {"name": "q", "type": "P"}),
        _record({"name": "p", "type": {**PRICE, "name": "a.b.P"}}, {"name": "q", "type": "a.b.P"}),
        id="a reference by full name",
    ),
]
OTHER = [
    pytest.param(_record(F), _record({"name": "f", "type": "bytes"}), id="type"),
    pytest.param(_record(F), _record({**F, "default": ""}), id="a default"),
    pytest.param(_record({**F, "default": ""}), _record({**F, "default": "x"}), id="another default"),
    pytest.param(_record(F), _record(F, namespace="a.c"), id="namespace"),
    pytest.param(_record(F, {**F, "name": "g"}), _record({**F, "name": "g"}, F), id="the order of fields"),
    *(
        pytest.param(
            _record({"name": "p", "type": PRICE}), _record({"name": "p", "type": {**PRICE, key: value}}), id=key
        )
        for key, value in {"scale": 3, "precision": 11, "size": 9, "logicalType": "x", "name": "Q"}.items()
    ),
    pytest.param(
        _record({"name": "t", "type": {"type": "long", "logicalType": "timestamp-millis"}}),
        _record({"name": "t", "type": {"type": "long", "logicalType": "timestamp-micros"}}),
        id="millis to micros",
    ),
    pytest.param(
        _record({"name": "u", "type": ["null", "int"]}), _record({"name": "u", "type": ["int", "null"]}), id="branches"
    ),
    pytest.param(
        _record({"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["A", "B"]}}),
        _record({"name": "e", "type": {"type": "enum", "name": "E", "symbols": ["B", "A"]}}),
        id="the order of symbols",
    ),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_schemas_that_mean_the_same_are_equal(one: Any, two: Any) -> None:
    """Schemas that differ only in what readers ignore, or in how a name is written, have one fingerprint."""
    assert _of(one) == _of(two)


@pytest.mark.parametrize(("one", "two"), OTHER)
def test_schemas_that_mean_another_thing_differ(one: Any, two: Any) -> None:
    """A difference that changes how a record is read or written changes the fingerprint."""
    assert _of(one) != _of(two)


def test_a_primitive_without_quotes_as_some_registries_give_it_is_the_primitive() -> None:
    """A primitive type has one fingerprint as a bare word, as a JSON string and as an object."""
    assert fingerprint("string") == fingerprint('"string"') == fingerprint('{"type": "string"}')


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{", "not JSON"),
        ("<html>", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("1", r"\$"),
        ('{"name": "x"}', r"\$: 'type' is missing"),
        ('{"type": "record", "name": "R"}', "'fields' is missing"),
        ('{"type": "record", "name": "R", "fields": [{"name": "f"}]}', r"fields\[0\]: 'type' is missing"),
        ('{"type":"array","items":' * 70 + '"int"' + "}" * 70, "nested deeper"),
    ],
)
def test_a_text_that_is_no_schema_is_refused_with_its_place(text: str, place: str) -> None:
    """Text that is not an Avro schema is refused with the path to what is wrong, however deep it nests."""
    with pytest.raises(AvroSchemaError, match=place):
        fingerprint(text)


def test_the_fingerprint_is_pinned_since_other_versions_compare_with_it() -> None:
    """Fingerprint and normal form of known schemas never change, since saved ones are compared with them."""
    assert fingerprint('"string"') == "e9e5c1c9e4f6277339d1bcde0733a59bd42f8731f449da6dc13010a916930d48"
    assert normal_form(json.dumps(_record({"name": "p", "type": ["null", PRICE], "default": None}))) == (
        '{"fields":[{"default":null,"name":"p","type":["null",{"logicalType":"decimal","name":"a.b.P","precision":10,'
        '"scale":2,"size":8,"type":"fixed"}]}],"name":"a.b.R","type":"record"}'
    )
