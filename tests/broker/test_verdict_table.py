"""docs/VERDICTS.md is what we, a live registry and buf say: asked anew, and compared with the committed table."""

import json
import os
import uuid
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import httpx
import pytest
from google.protobuf import descriptor_pb2

from codegen.avro import parse as avro_parse
from codegen.avro.compat import Version, verdict
from codegen.proto import compat as proto_compat
from codegen.proto.buf import run_buf
from codegen.proto.compiler import descriptors_of
from stack import Stack
from tests_support.checkout import ROOT
from tests_support.contracts import proto_changes
from tests_support.contracts.verdict_cases import Case, cases
from tests_support.running.stacks import stack_factory, temporary_folder

pytestmark = pytest.mark.broker

WRITE = "TALLY_WRITE_VERDICTS"
PAGE = ROOT / "docs" / "VERDICTS.md"
CHANGES_MIN = 30
LEVELS = ("BACKWARD", "FORWARD")
CONTENT_TYPE = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
_BREAKS_FOUND = 100

HEAD = """\
# Verdicts on changes

What `codegen plan` says to a change of a contract, beside a registry (Apicurio 3.3.3) and buf. This page is made by
`tests/broker/test_verdict_table.py`, which asks all three and fails when an answer is another one than here. To write
it anew: `TALLY_WRITE_VERDICTS=1 ./justw test tests/broker/test_verdict_table.py`.

- **We**: "new reads old" is what BACKWARD asks, "old reads new" what FORWARD asks, FULL both; Protobuf knows no
  direction.
- **The registry**: was the new version registered after the old one, under BACKWARD and under FORWARD?
- **buf**: `buf breaking` with its default rules (FILE) and with WIRE_JSON. It reads no Avro.
- **ok** harms nobody, **no** is refused. A bold change is one on which the registry takes what we refuse.

"""


@pytest.fixture(scope="module")
def registry() -> Iterator[Stack]:
    """Return a registry alone: no Kafka is asked here."""
    with temporary_folder() as folder, stack_factory(folder) as new:
        yield new(parts=("registry",))


@cache
def _compiled(text: str) -> descriptor_pb2.FileDescriptorSet:
    return descriptors_of({proto_changes.FILE: text}, proto_changes.FILE)


def _ours(case: Case) -> tuple[list[str], list[str]]:
    """Return our sentences against "new reads old" and against "old reads new"."""
    if case.kind == "AVRO":
        old, new = (Version(name, avro_parse.parse(name, text)) for name, text in (("v1", case.old), ("v2", case.new)))
        return tuple([found.sentence for found in verdict([old], new, level)] for level in LEVELS)  # type: ignore[return-value]
    sets = [_compiled(text) for text in (case.old, case.new)]
    said = [found.sentence for found in proto_compat.findings(proto_changes.FILE, "v1", sets[0], "v2", sets[1])]
    return said, said


def _registry_takes(url: str, case: Case, level: str) -> bool:
    subject = f"{url}/subjects/s{uuid.uuid4().hex}"
    bodies = [{"schema": text, "schemaType": case.kind} for text in (case.old, case.new)]
    httpx.post(f"{subject}/versions", json=bodies[0], headers=CONTENT_TYPE, timeout=30).raise_for_status()
    config = subject.replace("/subjects/", "/config/")
    httpx.put(config, json={"compatibility": level}, headers=CONTENT_TYPE, timeout=30).raise_for_status()
    answer = httpx.post(f"{subject}/versions", json=bodies[1], headers=CONTENT_TYPE, timeout=30)
    assert answer.status_code in {200, 409, 422}, answer.text
    return answer.status_code == 200


def _buf(case: Case, folder: Path, rules: str) -> str:
    if case.kind == "AVRO":
        return "-"
    for name, text in (("old", case.old), ("new", case.new)):
        files = _compiled(text)
        (folder / f"{name}.binpb").write_bytes(files.SerializeToString(deterministic=True))
    config = json.dumps({"version": "v2", "breaking": {"use": [rules]}})
    done = run_buf(folder, "breaking", "new.binpb", "--against", "old.binpb", "--config", config)
    assert done.returncode in {0, _BREAKS_FOUND}, done.stderr
    return _word(done.returncode == 0)


def _word(fine: bool) -> str:
    return "ok" if fine else "no"


def _row(case: Case, url: str, folder: Path) -> str:
    backward, forward = _ours(case)
    theirs = [_registry_takes(url, case, level) for level in LEVELS]
    lax = any(taken and said for taken, said in zip(theirs, (backward, forward), strict=True))
    sentence = next(iter([*backward, *forward]), "")
    cells = [
        f"**{case.name}**" if lax else case.name,
        _word(not backward),
        _word(not forward),
        *(_word(taken) for taken in theirs),
        *([_buf(case, folder, "FILE"), _buf(case, folder, "WIRE_JSON")] if case.kind == "PROTOBUF" else []),
        sentence.replace("v1 and v2 do not understand each other: ", "").replace("|", "\\|"),
    ]
    return f"| {' | '.join(cells)} |\n"


def _table(url: str, folder: Path) -> str:
    every = list(cases())
    ours = ["change", "new reads old", "old reads new", "registry, BACKWARD", "registry, FORWARD"]
    text = HEAD
    for title, kind, head in (
        ("Avro", "AVRO", [*ours, "our first sentence"]),
        ("Protobuf", "PROTOBUF", [*ours, "buf FILE", "buf WIRE_JSON", "our first sentence"]),
    ):
        text += f"## {title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}\n"
        text += "".join(_row(case, url, folder) for case in every if case.kind == kind) + "\n"
    return text.rstrip() + "\n"


def test_the_table_of_verdicts_is_what_we_a_live_registry_and_buf_say(registry: Stack, tmp_path: Path) -> None:
    """docs/VERDICTS.md shows what our verdict, a live registry and buf say today."""
    found = _table(registry.registry_url, tmp_path)
    if os.environ.get(WRITE):
        PAGE.write_text(found, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8").splitlines() == found.splitlines()


def test_the_table_has_a_row_for_each_of_the_changes_that_people_make() -> None:
    """docs/VERDICTS.md has one row for each known change, in order, and at least 30 of them."""
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    rows = [
        line.split(" | ")[0].strip("| *") for line in lines if line.startswith("| ") and "new reads old" not in line
    ]
    assert rows == [case.name for case in cases()]
    assert len(rows) >= CHANGES_MIN
