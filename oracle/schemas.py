"""The schemas of writers as the oracle reads them: which resolve to ours, and which mean exactly the same.

The texts are whatever a registry returns: ours, those of foreign writers, and texts that are not Avro schemas at all.
"""

import json
from functools import lru_cache
from typing import Any

import fastavro
from fastavro.schema import to_parsing_canonical_form

from oracle.avro.body import Body, UndecodableError
from oracle.avro.shapes import step_over
from oracle.avro.writer import NAMED, Writer

FACETS = ("logicalType", "precision", "scale")
MARKS = ("__fastavro_parsed", "__named_schemas")
"""By these fastavro takes a schema for one that it has checked, whoever wrote them."""


class UnresolvedError(Exception):
    """A writer's schema does not resolve to ours."""


def without_logical_types(schema: Any) -> Any:
    """Return a schema by which fields are read as raw bytes and integers."""
    if isinstance(schema, dict):
        dropped = (*FACETS, *MARKS) if "logicalType" in schema else MARKS
        return {name: without_logical_types(value) for name, value in schema.items() if name not in dropped}
    if isinstance(schema, list):
        return [without_logical_types(value) for value in schema]
    return schema


@lru_cache(maxsize=4)
def reader_of(text: str) -> Any:
    """Return our schema, parsed for reading."""
    return fastavro.parse_schema(without_logical_types(json.loads(text)))


@lru_cache(maxsize=256)
def writer_of(text: str, reader: str) -> Writer | None:
    """Return a writer's schema, ready for reading; None if it is not a record, or its fields mean something else."""
    try:
        schema = json.loads(text)
        if not isinstance(schema, dict) or schema.get("type") != "record":
            return None
        theirs, ours = _kinds(schema), _kinds(json.loads(reader))
        if any(_facets(theirs[name]) != _facets(kind) for name, kind in ours.items() if name in theirs):
            return None
        return Writer(fastavro.parse_schema(without_logical_types(schema)))
    except Exception:  # noqa: BLE001 - whatever a parser raises for a foreign text, it is unreadable
        return None


@lru_cache(maxsize=256)
def means_the_same(text: str, reader: str) -> bool:
    """Tell whether a schema equals ours, apart from documentation, white space and the order of keys."""
    if writer_of(text, reader) is None:
        return False
    theirs, ours = json.loads(text), json.loads(reader)
    if _defaults(theirs) != _defaults(ours):
        return False
    try:
        return _canonical(theirs) == _canonical(ours)
    except RecursionError:  # ours is not nested that deeply
        return False


def read_as_ours(writer: Writer, reader: Any, body: Body) -> dict[str, Any]:
    """Return our fields of a record; the writer's others are stepped over. Raises UnresolvedError, UndecodableError.

    What is wrong first decides, in the order of the writer's fields.
    """
    if _last(writer.name) != _last(reader["name"]):
        raise UnresolvedError(f"{writer.name} is not {reader['name']}")
    ours = {field["name"]: field["type"] for field in reader["fields"]}
    found = {}
    for name, kind, shape in writer.fields:
        if name in ours:
            found[name] = _value(writer.chosen(kind, body), ours.pop(name), body)
        else:
            step_over(shape, body)
    if ours:
        raise UnresolvedError(f"{writer.name} has no {', '.join(ours)}")
    return found


def _value(theirs: Any, own: Any, body: Body) -> bytes | int:
    """Return a value of the writer's type as one of ours, which is a fixed or a long."""
    kind = theirs if isinstance(theirs, str) else theirs["type"]
    if own["type"] == "long":
        if kind not in ("int", "long"):
            raise UnresolvedError(f"{kind} is not long")
        return body.number()
    if kind not in NAMED:
        raise UnresolvedError(f"{kind} is not fixed")
    if isinstance(theirs, str):
        raise UndecodableError(f"a type is called {theirs}, and fastavro takes it for the kind of that name")
    if (kind == "fixed" and theirs["size"] != own["size"]) or _last(theirs["name"]) != _last(own["name"]):
        raise UnresolvedError(f"{theirs['name']} is not {own['name']}")
    if kind != "fixed" or not isinstance(theirs["size"], int):
        raise UndecodableError(f"{theirs['name']} resolves by its name, and none of its values do")
    value = body.take(own["size"])
    if len(value) < own["size"]:
        raise UndecodableError("the bytes end within a number")
    return value


def _canonical(schema: Any) -> str:
    return to_parsing_canonical_form(fastavro.parse_schema(without_logical_types(schema)))


def _kinds(schema: Any) -> dict[str, Any]:
    return {field["name"]: field["type"] for field in schema.get("fields", ())}


def _facets(kind: Any) -> dict[str, Any]:
    if not isinstance(kind, dict) or "logicalType" not in kind:
        return {}
    found = {facet: kind[facet] for facet in FACETS if facet in kind}
    return {"scale": 0} | found if kind["logicalType"] == "decimal" else found


def _defaults(schema: Any) -> list[Any]:
    return [field.get("default", ...) for field in schema.get("fields", ())]


def _last(name: str) -> str:
    return name.rsplit(".", 1)[-1]
