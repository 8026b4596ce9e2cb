"""The script of docs/LOADING.md finds what older versions counted by mistake."""

import csv
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from stack.system import ROOT
from tally.cli.loading.ids import request_id
from tally.ledger.entry import COLUMNS

SCRIPT = re.search(
    r"^```python\n(.*?)^```", (ROOT / "docs" / "LOADING.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)
LONG = b'a,b,note\n1,2,"' + b"x" * 70_000 + b"\n1000000,2000000,x\n" + b"y" * 70_000 + b'"\n3,4,z\n'
STRAY = b'a,b,note\n1,2,x\n3,4,"he said "so"\n1000000,2000000,x\n"\n5,6,y\n'


@pytest.mark.parametrize(
    ("content", "counted_lines", "suspects"),
    [
        (LONG, {3: (1_000_000, 2_000_000), 5: (3, 4)}, ["line 3: 1000000 + 2000000"]),
        (
            STRAY,
            {2: (1, 2), 4: (1_000_000, 2_000_000), 6: (5, 6)},
            ["# the reading ends here", "line 4: 1000000 + 2000000", "line 6: 5 + 6"],
        ),
    ],
)
@pytest.mark.parametrize("source_id", [None, "mine"])
def test_the_script_lists_the_rows_that_are_counted_and_are_none(
    tmp_path: Path,
    content: bytes,
    counted_lines: dict[int, tuple[int, int]],
    suspects: list[str],
    source_id: str | None,
) -> None:
    """The script of docs/LOADING.md lists exactly the counted rows that the file does not contain."""
    assert SCRIPT is not None
    (tmp_path / "suspects.py").write_text(SCRIPT[1], encoding="utf-8")
    (tmp_path / "file.csv").write_bytes(content)
    used = source_id or hashlib.sha256(content).hexdigest()
    with (tmp_path / "counted.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="")
        writer.writeheader()
        for line, (a, b) in counted_lines.items():
            writer.writerow({"kind": "COUNTED", "request_id": request_id(used, line), "a": a, "b": b})
    options = ["--a", "a", "--b", "b"] + ([] if source_id is None else ["--source-id", source_id])
    done = subprocess.run(
        [sys.executable, "suspects.py", "counted.csv", "file.csv", *options],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    found = done.stdout.splitlines()
    assert [line[: len(due)] for line, due in zip(found, suspects, strict=True)] == suspects
