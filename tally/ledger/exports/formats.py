"""The formats of exports: a row each. The module of its name beside this one writes it.

REST, its OpenAPI document, the web page and ``tally export`` take their lists from here.
"""

from enum import StrEnum


class ExportFormat(StrEnum):
    """How an export is written."""

    def __new__(cls, name: str, media_type: str, package: str | None = None) -> "ExportFormat":
        """Make a row: its name on every interface, what HTTP calls it, the package that its module needs."""
        row = str.__new__(cls, name)
        row._value_ = name
        row.media_type = media_type
        row.package = package
        return row

    media_type: str
    package: str | None

    CSV = "csv", "text/csv; charset=utf-8"
    JSONL = "jsonl", "application/jsonl"
    PARQUET = "parquet", "application/vnd.apache.parquet", "pyarrow"
    AVRO = "avro", "application/vnd.apache.avro"
