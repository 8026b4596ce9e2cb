"""The semantic fingerprint of an Avro schema: equal when two schemas mean the same, whoever wrote the text.

Registries rewrite what they are given (key order, blanks, namespaces), so texts cannot be compared. The fingerprint is
the SHA-256 of a normal form: full names resolved, keys sorted, everything without a meaning for data left out (``doc``,
``aliases``, ``order``, unknown attributes), and everything with one kept: field order, defaults, symbols, sizes and,
unlike Avro's own "parsing canonical form", logical types with precision and scale.
"""

import hashlib
import json
from typing import Any, Final

PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
NESTING_MAX: Final = 64
"""Schemas nested deeper than this are refused; real ones have less than ten levels."""


class AvroSchemaError(ValueError):
    """The text is not an Avro schema; the message names the JSON path and what is allowed there."""


def fingerprint(schema_text: str) -> str:
    """Return the fingerprint of a schema's JSON text as 64 hex digits. Raises AvroSchemaError."""
    return hashlib.sha256(normal_form(schema_text).encode()).hexdigest()


def fingerprint_of(text: str) -> str:
    """Return the semantic fingerprint, or for a text that is not an Avro schema one that no schema has."""
    try:
        return fingerprint(text)
    except AvroSchemaError:
        return hashlib.sha256(b"not Avro\0" + text.encode("utf-8", "surrogatepass")).hexdigest()


def normal_form(schema_text: str) -> str:
    """Return the JSON text that the fingerprint is taken of. Raises AvroSchemaError."""
    try:
        parsed = json.loads(schema_text)
    except (ValueError, RecursionError) as error:
        # A bare primitive such as ``string`` without quotes is what some registries hand out.
        if schema_text.strip() in PRIMITIVES:
            return json.dumps(schema_text.strip())
        raise AvroSchemaError(f"not JSON: {error}") from error
    form = _normal(parsed, "", set(), "$", 0)
    return json.dumps(form, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def full_name(name: str, namespace: str) -> str:
    """Return the full name of a type that is called ``name`` where ``namespace`` is in force."""
    if "." in name or not namespace:
        return name
    return f"{namespace}.{name}"


def _normal(schema: Any, namespace: str, known: set[str], path: str, depth: int) -> Any:
    """Return the normal form of one schema node. ``known`` collects the full names defined so far."""
    if depth > NESTING_MAX:
        raise AvroSchemaError(f"{path}: nested deeper than {NESTING_MAX} levels")
    if isinstance(schema, str):
        return _reference(schema, namespace, known, path)
    if isinstance(schema, list):
        return [_normal(branch, namespace, known, f"{path}[{i}]", depth + 1) for i, branch in enumerate(schema)]
    if not isinstance(schema, dict):
        raise AvroSchemaError(f"{path}: {schema!r} is not a schema; allowed are a name, an object or a list")
    kind = _required(schema, "type", path)
    if not isinstance(kind, str):  # {"type": {...}} means the inner schema
        return _normal(kind, namespace, known, f"{path}.type", depth + 1)
    return _normal_object(schema, kind, namespace, known, path, depth=depth)


def _normal_object(
    schema: dict[str, Any], kind: str, namespace: str, known: set[str], path: str, *, depth: int
) -> dict[str, Any] | str:
    form: dict[str, Any] = {"type": kind, **_logical(schema)}
    if kind == "array":
        form["items"] = _normal(_required(schema, "items", path), namespace, known, f"{path}.items", depth + 1)
    elif kind == "map":
        form["values"] = _normal(_required(schema, "values", path), namespace, known, f"{path}.values", depth + 1)
    elif kind in {"record", "error", "enum", "fixed"}:
        name = _define(schema, namespace, known, path)
        form["name"] = name
        if kind == "fixed":
            form["size"] = _required(schema, "size", path)
        elif kind == "enum":
            form["symbols"] = _required(schema, "symbols", path)
            if "default" in schema:
                form["default"] = schema["default"]
        else:
            inner = name.rpartition(".")[0]
            form["fields"] = [
                _field(field, inner, known, f"{path}.fields[{i}]", depth)
                for i, field in enumerate(_list(schema, "fields", path))
            ]
    else:
        reference = _reference(kind, namespace, known, path)
        return reference if len(form) == 1 else {**form, "type": reference}
    return form


def _field(field: Any, namespace: str, known: set[str], path: str, depth: int) -> dict[str, Any]:
    if not isinstance(field, dict):
        raise AvroSchemaError(f"{path}: {field!r} is not a field; allowed is an object with name and type")
    kind = _normal(_required(field, "type", path), namespace, known, f"{path}.type", depth + 1)
    form = {"name": _required(field, "name", path), "type": kind}
    if "default" in field:
        form["default"] = field["default"]
    return form


def _logical(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the attributes of a logical type. The scale that is left out is 0, says the specification."""
    logical = schema.get("logicalType")
    if logical is None:
        return {}
    form = {"logicalType": logical}
    if logical == "decimal":
        form |= {"precision": schema.get("precision"), "scale": schema.get("scale", 0)}
    return form


def _define(schema: dict[str, Any], namespace: str, known: set[str], path: str) -> str:
    name = _required(schema, "name", path)
    if not isinstance(name, str):
        raise AvroSchemaError(f"{path}.name: {name!r} is not a text")
    name = full_name(name, str(schema.get("namespace", namespace) or ""))
    known.add(name)
    return name


def _reference(name: str, namespace: str, known: set[str], path: str) -> str:
    if name in PRIMITIVES:
        return name
    # A name that is defined nowhere here belongs to a referenced schema; its full name is all there is to compare.
    resolved = full_name(name, namespace)
    return name if name in known and resolved not in known else resolved


def _required(schema: dict[str, Any], key: str, path: str) -> Any:
    if key not in schema:
        raise AvroSchemaError(f"{path}: {key!r} is missing; there are {', '.join(sorted(schema)) or 'no keys'}")
    return schema[key]


def _list(schema: dict[str, Any], key: str, path: str) -> list[Any]:
    value = _required(schema, key, path)
    if not isinstance(value, list):
        raise AvroSchemaError(f"{path}.{key}: {value!r} is not a list")
    return value
