"""Avro schemas that use types of others become whole, in one way only."""

import json
from typing import Any

from codegen.avro.references import defined, missing, stand_alone
from tally.base.fingerprint import fingerprint


def _record(name: str, *types: Any, namespace: str | None = "shop") -> dict[str, Any]:
    fields = [{"name": f"f{i}", "type": kind} for i, kind in enumerate(types)]
    return {"type": "record", "name": name, "fields": fields} | ({"namespace": namespace} if namespace else {})


STREET = _record("Street", "string", namespace="geo")
ADDRESS = _record("Address", "geo.Street", {"type": "enum", "name": "Kind", "symbols": ["A"]})
ORDER = _record("Order", ["null", "Address"], {"type": "array", "items": "shop.Address"}, "shop.Kind", "geo.Street")


def test_types_of_others_stand_where_they_are_used_first() -> None:
    """A text with references equals the text that somebody would write with everything in one file."""
    imports = [("a", json.dumps(ADDRESS)), ("s", json.dumps(STREET))]
    inlined = {**ADDRESS, "fields": [{"name": "f0", "type": STREET}, ADDRESS["fields"][1]]}
    by_hand = _record("Order", ["null", inlined], {"type": "array", "items": "Address"}, "Kind", "geo.Street")
    assert fingerprint(stand_alone(json.dumps(ORDER), imports)) == fingerprint(json.dumps(by_hand))


def test_a_type_without_namespace_and_one_that_holds_itself_are_put_in() -> None:
    """Names mean the same inside another namespace, and a recursive type is put in once."""
    tree = _record("Tree", ["null", "Tree"], {"type": "map", "values": "Leaf"}, namespace=None)
    leaf = _record("Leaf", "int", namespace=None)
    text = stand_alone(json.dumps(_record("Top", "Tree", "Leaf")), [("t", json.dumps(tree)), ("l", json.dumps(leaf))])
    assert missing(text) == ()
    assert defined(text) == ("shop.Top", "Tree", "Leaf")


def test_what_is_missing_is_named_in_order_and_once() -> None:
    """A relative name is told by its full name, in the namespace where it stands."""
    assert missing(json.dumps(ORDER)) == ("shop.Address", "shop.Kind", "geo.Street")
    assert missing(json.dumps(_record("Own", "Own", "shop.Own"))) == ()


def test_a_text_that_needs_nobody_or_is_no_schema_stays_as_it_is() -> None:
    """What is not understood here is left to the parser."""
    assert stand_alone("{ nothing", [("a", json.dumps(ADDRESS))]) == "{ nothing"
    assert stand_alone(' "string"', ()) == ' "string"'
    assert missing('{"type": 5}') == missing("[[]]") == ()
