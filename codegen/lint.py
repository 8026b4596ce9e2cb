"""Rules that contracts keep beyond being valid: names, documentation, widths, and buf's rules for Protobuf."""

import json
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from google.protobuf import descriptor_pb2

from codegen.avro.defaults import wrong_defaults
from codegen.avro.layout import columns
from codegen.avro.schema import AvroFile, Definition, Enumeration, Record
from codegen.errors import ContractError
from codegen.json_places import line_at
from codegen.proto.buf import run_buf
from codegen.tree import Contracts
from codegen.yaml_file import mapping_of
from tally.base.written_file import write_file

_PASCAL = re.compile(r"[A-Z][A-Za-z0-9]*")
_SNAKE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_UPPER = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_NAMESPACE = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_DEFAULT_BUF: Final = {"version": "v2", "modules": [{"path": "proto"}], "lint": {"use": ["STANDARD"]}}


def findings(contracts: Contracts, *, fix: bool = False) -> list[ContractError]:
    """Return a finding for each rule that is broken, with file and place. ``fix`` formats the Protobuf files."""
    found = [finding for schema in contracts.avro.values() for finding in avro_findings(schema)]
    found += width_findings(contracts)
    if contracts.proto:
        found += proto_findings(contracts, fix=fix)
    return found


def avro_findings(schema: AvroFile) -> Iterator[ContractError]:
    """Yield what is wrong with the names, the documentation and the defaults of one Avro file."""
    for field, problem in wrong_defaults(schema):
        yield _at(schema, f"{field.path}.default", "avro-default", problem)
    for definition in schema.named.values():
        yield from _name_findings(schema, definition)
        match definition:
            case Record():
                yield from _record_findings(schema, definition)
            case Enumeration(_, symbols, _):
                for symbol in symbols:
                    if not _UPPER.fullmatch(symbol):
                        problem = f"the symbol {symbol} is not in UPPER_CASE"
                        yield _at(schema, definition.name, "avro-symbol-case", problem)


def _at(schema: AvroFile, place: str, rule: str, problem: str) -> ContractError:
    return ContractError(schema.file, place, problem, rule=rule, line=line_at(schema.lines, place))


def _name_findings(schema: AvroFile, definition: Definition) -> Iterator[ContractError]:
    namespace, _, name = definition.name.rpartition(".")
    if not _NAMESPACE.fullmatch(namespace):
        problem = "the namespace is not lower case joined by points"
        yield _at(schema, definition.name, "avro-namespace-case", problem)
    if not _PASCAL.fullmatch(name):
        yield _at(schema, definition.name, "avro-type-case", "a type's name is in PascalCase")


def _record_findings(schema: AvroFile, record: Record) -> Iterator[ContractError]:
    if not record.doc.strip():
        yield _at(schema, record.name, "avro-record-doc", "has no doc; say what one record is")
    for field in record.fields:
        if not _SNAKE.fullmatch(field.name):
            yield _at(schema, f"{field.path}.name", "avro-field-case", f"{field.name} is not in snake_case")
        if not field.doc.strip():
            problem = f"{field.name} has no doc; say what it means and its unit"
            yield _at(schema, field.path, "avro-field-doc", problem)


def width_findings(contracts: Contracts) -> Iterator[ContractError]:
    """Yield the topics whose records do not have the constant width that the topic promises."""
    for topic in contracts.topics:
        schema = contracts.avro[topic.schema]
        if topic.width_bytes is not None and (problem := _width_problem(schema, topic.width_bytes)) is not None:
            yield ContractError(
                schema.file, "", f"{problem}; {topic.file} promises {topic.width_bytes} bytes", rule="topic-width"
            )


def _width_problem(schema: AvroFile, promised: int) -> str | None:
    found = columns(schema.definition, schema) if isinstance(schema.definition, Record) else None
    if found is None:
        return "has a field that cannot be a column"
    varying = [column.name for column in found if not column.constant]
    width = sum(column.width or column.width_default for column in found)
    if varying:
        return f"the width of {', '.join(varying)} varies"
    return None if width == promised else f"a record has {width} bytes"


def proto_findings(contracts: Contracts, *, fix: bool) -> list[ContractError]:
    """Return what buf says: its lint rules, and where its format differs.

    buf resolves imports from its registry or from sources; it gets the files compiled instead, in its image format.
    """
    with tempfile.TemporaryDirectory() as directory:
        workspace = Path(directory)
        image = buf_image(contracts.descriptors, list(contracts.proto))
        (workspace / "image.binpb").write_bytes(image)
        shutil.copytree(contracts.proto_dir, workspace / "proto")
        _write_buf_yaml(contracts.root / "buf.yaml", workspace / "buf.yaml")
        linted = run_buf(workspace, "lint", "image.binpb", "--config", "buf.yaml", "--error-format", "json")
        if linted.returncode != 0:
            said = [_of_buf(line) for line in linted.stdout.splitlines()]
            failed = ContractError("proto", "", f"buf lint failed: {linted.stderr.strip()}", rule="buf")
            return said or [failed]
        return [
            found
            for name in contracts.proto
            if (found := _format_finding(contracts, workspace, name, fix=fix)) is not None
        ]


def _of_buf(line: str) -> ContractError:
    said: dict[str, Any] = json.loads(line)
    column = f"column {said['start_column']}" if "start_column" in said else ""
    number = said.get("start_line", 0)
    return ContractError(f"proto/{said.get('path', '')}", column, said["message"], rule=said["type"], line=number)


def buf_image(found: descriptor_pb2.FileDescriptorSet, own: list[str]) -> bytes:
    """Return the files as buf's image: a FileDescriptorSet in which each file says whether it is only imported."""
    parts = []
    for file in found.file:
        # Field 8042 of a file is buf's extension; its field 1 is is_import. Field 1 of the set holds the files.
        extension = b"\xd2\xf6\x03\x02\x08" + (b"\x00" if file.name in own else b"\x01")
        body = file.SerializeToString(deterministic=True) + extension
        parts.append(b"\x0a" + _varint(len(body)) + body)
    return b"".join(parts)


def _varint(number: int) -> bytes:
    groups = []
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*groups, number])


def _format_finding(contracts: Contracts, workspace: Path, name: str, *, fix: bool) -> ContractError | None:
    """Return the finding for a file that is not formatted, or format it. buf needs ``diff`` on PATH to tell."""
    formatted = run_buf(workspace, "format", f"proto/{name}")
    if formatted.returncode != 0:
        return ContractError(f"proto/{name}", "", f"buf cannot format it: {formatted.stderr.strip()}", rule="format")
    path = contracts.proto_dir / name
    if path.read_text(encoding="utf-8") == formatted.stdout:
        return None
    if not fix:
        return ContractError(f"proto/{name}", "", "is not formatted; run: codegen lint --fix", rule="format")
    write_file(path, formatted.stdout)
    return None


def _write_buf_yaml(source: Path, target: Path) -> None:
    content = "with version: v2 and a list of modules"
    config: Mapping[str, Any] = mapping_of(source, content) if source.exists() else _DEFAULT_BUF
    if not isinstance(config.get("modules"), list):
        raise ContractError(source.name, "", f"must be a mapping {content}")
    target.write_text(yaml.safe_dump(config), encoding="utf-8")
