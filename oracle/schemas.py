"""The schemas of writers as the oracle reads them: which resolve to ours, and which mean exactly the same.

The texts are whatever a registry returns: ours, those of foreign writers, and texts that are not Avro schemas at all.
"""

import json
from functools import lru_cache
from typing import Any

import fastavro
from fastavro.schema import to_parsing_canonical_form

FACETS = ("logicalType", "precision", "scale")


def without_logical_types(schema: Any) -> Any:
    """Return a schema by which fields are read as raw bytes and integers."""
    if isinstance(schema, dict):
        dropped = FACETS if "logicalType" in schema else ()
        return {name: without_logical_types(value) for name, value in schema.items() if name not in dropped}
    if isinstance(schema, list):
        return [without_logical_types(value) for value in schema]
    return schema


@lru_cache(maxsize=4)
def reader_of(text: str) -> Any:
    """Return our schema, parsed for reading."""
    return fastavro.parse_schema(without_logical_types(json.loads(text)))


@lru_cache(maxsize=256)
def writer_of(text: str, reader: str) -> Any:
    """Return a writer's schema, parsed for reading; None if it is not a record, or its fields mean something else."""
    try:
        schema = json.loads(text)
        if not isinstance(schema, dict) or schema.get("type") != "record":
            return None
        theirs, ours = _kinds(schema), _kinds(json.loads(reader))
        if any(_facets(theirs[name]) != _facets(kind) for name, kind in ours.items() if name in theirs):
            return None
        return fastavro.parse_schema(without_logical_types(schema))
    except Exception:  # noqa: BLE001 - whatever a parser raises for a foreign text, it is unreadable
        return None


@lru_cache(maxsize=256)
def means_the_same(text: str, reader: str) -> bool:
    """Tell whether a schema equals ours, apart from documentation, white space and the order of keys."""
    if writer_of(text, reader) is None:
        return False
    theirs, ours = json.loads(text), json.loads(reader)
    if [_default(field) for field in theirs["fields"]] != [_default(field) for field in ours["fields"]]:
        return False
    plain = [to_parsing_canonical_form(fastavro.parse_schema(without_logical_types(each))) for each in (theirs, ours)]
    return plain[0] == plain[1]


def _kinds(schema: Any) -> dict[str, Any]:
    return {field["name"]: field["type"] for field in schema.get("fields", ())}


def _facets(kind: Any) -> dict[str, Any]:
    if not isinstance(kind, dict) or "logicalType" not in kind:
        return {}
    found = {facet: kind[facet] for facet in FACETS if facet in kind}
    return {"scale": 0} | found if kind["logicalType"] == "decimal" else found


def _default(field: Any) -> Any:
    return field.get("default", ...)
