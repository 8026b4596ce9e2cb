"""Avro schemas without their logical types: fastavro then gives raw bytes and integers, and rounds nothing."""

from typing import Any, Final

LOGICAL: Final = ("logicalType", "precision", "scale")


def without_logical_types(schema: Any) -> Any:
    """Return a schema, as JSON values, whose fields read as the plain types that carry them."""
    if isinstance(schema, dict):
        # "precision" may also be a field's name or default; only a type's own attributes are taken off.
        drop = LOGICAL if "logicalType" in schema else ()
        return {name: without_logical_types(value) for name, value in schema.items() if name not in drop}
    if isinstance(schema, list):
        return [without_logical_types(item) for item in schema]
    return schema
