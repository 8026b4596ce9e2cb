"""The generated code imports alone and is clean under mypy --strict, which sees a wrong use of it."""

import subprocess
import sys
from pathlib import Path

from codegen.generate import generated_files, trials
from codegen.import_test import require_works
from codegen.tree import read
from tests_support.checkout import ROOT

TIMEOUT_S = 280
WRONG = """\
import uuid
from tally.generated.avro.sum_added import SumAdded
from tally.generated.tally.v1 import tally_pb2

def right(record: SumAdded) -> uuid.UUID:
    return record.request_id

SumAdded(request_id="text")
tally_pb2.AddRequest(a=7)
"""


def _typed_files() -> list[Path]:
    """Return what a type checker reads: the stub where there is one, else the module."""
    every = sorted((ROOT / "tally" / "generated").rglob("*.py*"))
    return [
        path
        for path in every
        if path.suffix == ".pyi" or (path.suffix == ".py" and not path.with_suffix(".pyi").exists())
    ]


def test_the_generated_code_is_strictly_typed_and_a_wrong_use_is_seen(tmp_path: Path) -> None:
    """No error in the generated code; the two wrong lines of a program that uses it are errors, the right ones none."""
    program = tmp_path / "program.py"
    program.write_text(WRONG, encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file", "", "--namespace-packages"]
    command += ["--explicit-package-bases", "--cache-dir", str(tmp_path / "cache"), "--ignore-missing-imports"]
    command += [str(program), *map(str, _typed_files())]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    errors = [line for line in done.stdout.splitlines() if " error: " in line]
    assert [line for line in errors if "program.py" not in line] == [], done.stdout + done.stderr
    assert {line.split(":")[1] for line in errors} == {"8", "9"}, done.stdout + done.stderr


def test_all_generated_code_imports_in_a_process_of_its_own() -> None:
    """All code that the contracts generate can be imported in a new process."""
    found = read(ROOT / "contracts")
    require_works(generated_files(found, "tally.generated"), "tally.generated", trials(found))
