"""A stranger's schema, made ready for reading records by it."""

import sys
from typing import Any

from oracle.avro.body import REST_BYTES, Body, picked
from oracle.avro.shapes import NEVER, NUMBER, TEXT, Blocks, Choice, Series, Shape, joined

RECORDS = ("record", "error")
NAMED = (*RECORDS, "enum", "fixed")

PLAIN: dict[str, Shape] = {
    "null": 0, "boolean": 1, "float": 4, "double": 8, "int": NUMBER, "long": NUMBER, "string": TEXT, "bytes": TEXT,
    # What fastavro makes of a reference to a type with such a name.
    "enum": NUMBER, "array": NEVER, "map": NEVER, "union": NEVER, "error_union": NEVER, "fixed": NEVER,
    "record": NEVER, "error": NEVER, "request": NEVER,
}  # fmt: skip


class Writer:
    """A schema of records as ``fastavro.parse_schema`` returns it: checked, and with full names.

    Raises RecursionError if the schema is nested too deeply.
    """

    def __init__(self, parsed: Any) -> None:
        self.name: str = parsed["name"]
        whole = Series([])
        self._named: dict[str, Any] = {self.name: parsed}
        self._shapes: dict[str, Shape] = {self.name: whole}
        self.fields: list[tuple[str, Any, Shape]] = [
            (field["name"], field["type"], self._shape(field["type"])) for field in parsed["fields"]
        ]
        """Name, type and shape of each field."""
        whole.parts = joined(shape for _, _, shape in self.fields)

    def chosen(self, kind: Any, body: Body) -> Any:
        """Return the type that the next value has, behind names and unions. Raises UndecodableError."""
        while isinstance(kind, list):
            kind = picked(kind, body.number())
        return kind if isinstance(kind, dict) or kind in PLAIN else self._named[kind]

    def _shape(self, kind: Any) -> Shape:
        if isinstance(kind, list):
            return Choice([self._shape(branch) for branch in kind])
        if isinstance(kind, str):
            return PLAIN[kind] if kind in PLAIN else self._shapes[kind]
        if kind["type"] == "array":
            return Blocks(self._shape(kind["items"]))
        if kind["type"] == "map":
            return Blocks(Series([TEXT, self._shape(kind["values"])]))
        if kind["type"] not in NAMED:
            return PLAIN[kind["type"]]
        name = kind["name"]
        self._named[name] = kind
        self._shapes[name] = self._record(kind) if kind["type"] in RECORDS else _plain(kind)
        return self._shapes[name]

    def _record(self, kind: Any) -> Shape:
        row = self._shapes[kind["name"]] = Series([])  # for fields that hold the record itself
        row.parts = joined(self._shape(field["type"]) for field in kind["fields"])
        if not row.parts:
            return 0
        return row.parts[0] if len(row.parts) == 1 else row


def _plain(kind: Any) -> Shape:
    """Return the shape of an enum or a fixed. Nobody has checked a fixed's size: a negative one takes all bytes."""
    if kind["type"] == "enum":
        return NUMBER
    size = kind["size"]
    if size is None:
        return REST_BYTES
    if not isinstance(size, int) or abs(size) > sys.maxsize:
        return NEVER
    return REST_BYTES if size < 0 else int(size)
