"""What buf says of Protobuf files: its lint rules and its format; and which rules are not compiled."""

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from google.protobuf import descriptor_pb2

from codegen.errors import ContractError
from codegen.proto.buf import run_buf
from codegen.proto.copies import copy_findings
from codegen.proto.rules import message_rules
from codegen.tree import Contracts
from tally.base.written_file import write_file


def proto_findings(contracts: Contracts, *, fix: bool) -> list[ContractError]:
    """Return what the compiler or else buf's rules say, where buf's format differs, and a note for each slow rule.

    buf resolves imports from its registry or from sources; it gets the files compiled instead, in its image format.
    """
    with tempfile.TemporaryDirectory() as directory:
        workspace = Path(directory)
        try:
            said = [*copy_findings(contracts), *_slow_rules(contracts), *_linted(contracts, workspace)]
        except ContractError as error:  # a file does not compile, or has a rule that no validator could take
            said = [error]
        formats = list(_format_findings(contracts, workspace, fix=fix))
    broken = {finding.file for finding in said}
    # buf cannot format what does not compile, and that is said already.
    return said + [one for one in formats if not (one.rule == "buf" and one.file in broken)]


def _linted(contracts: Contracts, workspace: Path) -> list[ContractError]:
    """Return what buf's lint says. Raises ContractError when a file does not compile or buf.yaml is wrong."""
    image = buf_image(contracts.descriptors, list(contracts.proto))
    (workspace / "image.binpb").write_bytes(image)
    config = json.dumps({"version": "v2", "lint": contracts.buf_yaml.lint})
    linted = run_buf(workspace, "lint", "image.binpb", "--config", config, "--error-format", "json")
    if linted.returncode == 0:
        return []
    failed = ContractError("proto", "", f"buf lint failed: {linted.stderr.strip()}", rule="buf")
    return [_of_buf(line) for line in linted.stdout.splitlines()] or [failed]


def _slow_rules(contracts: Contracts) -> Iterator[ContractError]:
    """Yield a note for each message that protovalidate validates."""
    for message in message_rules(contracts.descriptors, contracts.proto):
        if message.reason:
            problem = (
                f"{message.reason} is not compiled to Python, so protovalidate validates the message: slower, and the "
                "program needs that package"
            )
            place, file = message.full_name, f"proto/{message.file}"
            yield ContractError(file, place, problem, rule="slow-rule", line=message.line, severity="note")


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


def _format_findings(contracts: Contracts, workspace: Path, *, fix: bool) -> Iterator[ContractError]:
    """Yield a finding for each file that is not formatted, or format it."""
    for name, text in contracts.proto_texts.items():
        path = workspace / "proto" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="")
    together = run_buf(workspace, "format", "proto", "--output", "formatted").returncode == 0
    for name, text in contracts.proto_texts.items():
        if together:
            formatted = (workspace / "formatted" / name).read_text(encoding="utf-8")
        else:  # one of them cannot be formatted; the others can
            done = run_buf(workspace, "format", f"proto/{name}")
            if done.returncode != 0:
                yield ContractError(f"proto/{name}", "", f"buf cannot format it: {done.stderr.strip()}", rule="buf")
                continue
            formatted = done.stdout
        if fix and text != formatted:
            write_file(contracts.proto_dir / name, formatted)
        elif text != formatted:
            yield ContractError(f"proto/{name}", "", "is not formatted; run: codegen lint --fix", rule="format")
