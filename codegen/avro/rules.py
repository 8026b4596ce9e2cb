"""The rules that Avro contracts keep beyond being valid, in groups that ``codegen.yaml`` chooses.

::

    lint:
      avro: [names, docs, widths, logical-types]    # what `codegen init` writes; without it, none of them

Whatever is chosen, a default is a value of its type.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from codegen.avro.defaults import wrong_defaults
from codegen.avro.layout import columns
from codegen.avro.schema import AvroFile, Definition, Enumeration, Record
from codegen.errors import ContractError
from codegen.json_places import line_at
from codegen.project import FILE
from codegen.topics.topic import Topic

GROUPS: Final[Mapping[str, str]] = {
    "names": "namespaces in lower case, types in PascalCase, fields in snake_case, symbols in UPPER_CASE",
    "docs": "each record and each field is documented",
    "widths": "the records of a topic with width_bytes have that many bytes",
    "logical-types": "no logical type is ignored",
}
"""Each group with what it asks for."""

_PASCAL: Final = re.compile(r"[A-Z][A-Za-z0-9]*")
_SNAKE: Final = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_UPPER: Final = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_NAMESPACE: Final = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")


def chosen(lint: Mapping[str, Any]) -> frozenset[str]:
    """Return the groups that ``lint:`` of codegen.yaml chooses. Raises ContractError for one that there is not."""
    if unknown := lint.keys() - {"avro"}:
        raise ContractError(FILE, f"lint.{min(unknown)}", "is not a key here; allowed is avro")
    groups = lint.get("avro", [])
    if not isinstance(groups, list) or not all(isinstance(group, str) and group in GROUPS for group in groups):
        raise ContractError(FILE, "lint.avro", f"is {groups!r}; allowed is a list of {', '.join(GROUPS)}")
    return frozenset(groups)


def findings(schema: AvroFile, rules: frozenset[str]) -> Iterator[ContractError]:
    """Yield the notes of one file, and what breaks the rules of these groups."""
    for note in schema.notes:
        refused = note.rule == "avro-logical-type" and "logical-types" in rules
        yield note.as_error() if refused else note
    for field, problem in wrong_defaults(schema):
        yield _at(schema, f"{field.path}.default", "avro-default", problem)
    for definition in schema.named.values():
        if "names" in rules:
            yield from _name_findings(schema, definition)
        if "docs" in rules and isinstance(definition, Record):
            yield from _doc_findings(schema, definition)


def _at(schema: AvroFile, place: str, rule: str, problem: str) -> ContractError:
    return ContractError(schema.file, place, problem, rule=rule, line=line_at(schema.lines, place))


def _name_findings(schema: AvroFile, definition: Definition) -> Iterator[ContractError]:
    namespace, _, name = definition.name.rpartition(".")
    if not _NAMESPACE.fullmatch(namespace):
        problem = "the namespace is not lower case joined by points"
        yield _at(schema, definition.name, "avro-namespace-case", problem)
    if not _PASCAL.fullmatch(name):
        yield _at(schema, definition.name, "avro-type-case", "a type's name is in PascalCase")
    for field in definition.fields if isinstance(definition, Record) else ():
        if not _SNAKE.fullmatch(field.name):
            yield _at(schema, f"{field.path}.name", "avro-field-case", f"{field.name} is not in snake_case")
    for symbol in definition.symbols if isinstance(definition, Enumeration) else ():
        if not _UPPER.fullmatch(symbol):
            problem = f"the symbol {symbol} is not in UPPER_CASE"
            yield _at(schema, definition.name, "avro-symbol-case", problem)


def _doc_findings(schema: AvroFile, record: Record) -> Iterator[ContractError]:
    if not record.doc.strip():
        yield _at(schema, record.name, "avro-record-doc", "has no doc; say what one record is")
    for field in record.fields:
        if not field.doc.strip():
            problem = f"{field.name} has no doc; say what it means and its unit"
            yield _at(schema, field.path, "avro-field-doc", problem)


def width_findings(topics: Iterable[Topic], schemas: Mapping[str, AvroFile]) -> Iterator[ContractError]:
    """Yield the topics whose records do not have the constant width that the topic promises."""
    for topic in topics:
        schema = schemas[topic.schema]
        if topic.width_bytes is not None and (problem := _width_problem(schema, topic.width_bytes)) is not None:
            yield ContractError(
                schema.file, "", f"{problem}; {topic.file} promises {topic.width_bytes} bytes", rule="topic-width"
            )


def _width_problem(schema: AvroFile, promised: int) -> str | None:
    record = schema.definition
    found = columns(record, schema) if isinstance(record, Record) else None
    if found is None:
        return "has a field that cannot be a column"
    varying = [column.name for column in found if not column.constant]
    width = sum(column.width or column.width_default for column in found)
    if varying:
        return f"the width of {', '.join(varying)} varies"
    return None if width == promised else f"a record has {width} bytes"
