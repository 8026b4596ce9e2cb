"""Rules that contracts keep beyond being valid: those chosen for Avro, and buf's for Protobuf."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from google.protobuf import descriptor_pb2

from codegen.avro import rules as avro_rules
from codegen.errors import ContractError
from codegen.proto.buf import run_buf
from codegen.tree import Contracts
from codegen.yaml_file import mapping_of
from tally.base.written_file import write_file

_DEFAULT_BUF: Final = {"version": "v2", "modules": [{"path": "proto"}], "lint": {"use": ["STANDARD"]}}


def findings(contracts: Contracts, *, fix: bool = False) -> list[ContractError]:
    """Return everything that lint tells: what is ignored as notes, and each broken rule with file and place.

    ``fix`` formats the Protobuf files. Raises ContractError when codegen.yaml chooses rules that there are not.
    """
    rules = avro_rules.chosen(contracts.project.lint)
    found = [finding for schema in contracts.avro.values() for finding in avro_rules.findings(schema, rules)]
    if "widths" in rules:
        found += avro_rules.width_findings(contracts.topics, contracts.avro)
    if contracts.proto:
        found += proto_findings(contracts, fix=fix)
    return found


def proto_findings(contracts: Contracts, *, fix: bool) -> list[ContractError]:
    """Return what the compiler or else buf's rules say of the Protobuf files, and where buf's format differs.

    buf resolves imports from its registry or from sources; it gets the files compiled instead, in its image format.
    """
    with tempfile.TemporaryDirectory() as directory:
        workspace = Path(directory)
        shutil.copytree(contracts.proto_dir, workspace / "proto")
        try:
            said = _linted(contracts, workspace)
        except ContractError as error:  # a file does not compile
            said = [error]
        formats = [_format_finding(contracts, workspace, name, fix=fix) for name in contracts.proto]
    broken = {finding.file.removeprefix("proto/") for finding in said}
    # buf cannot format what does not compile, and that is said already.
    return said + [one for one in formats if one and not (one.rule == "buf" and one.file[len("proto/") :] in broken)]


def _linted(contracts: Contracts, workspace: Path) -> list[ContractError]:
    """Return what buf's lint says. Raises ContractError when a file does not compile or buf.yaml is wrong."""
    image = buf_image(contracts.descriptors, list(contracts.proto))
    (workspace / "image.binpb").write_bytes(image)
    _write_buf_yaml(contracts.root / "buf.yaml", workspace / "buf.yaml")
    linted = run_buf(workspace, "lint", "image.binpb", "--config", "buf.yaml", "--error-format", "json")
    if linted.returncode == 0:
        return []
    failed = ContractError("proto", "", f"buf lint failed: {linted.stderr.strip()}", rule="buf")
    return [_of_buf(line) for line in linted.stdout.splitlines()] or [failed]


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
        return ContractError(f"proto/{name}", "", f"buf cannot format it: {formatted.stderr.strip()}", rule="buf")
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
