"""``pip install`` of this repository in an empty environment gives a ``codegen`` that works anywhere else."""

import os
import re
import shutil
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from stack import bootstrap
from tests_support.checkout import ROOT, tracked

TIMEOUT_S = 240
BUILD = "import sys; from setuptools import build_meta; print(build_meta.build_wheel(sys.argv[1]))"
PROGRAM = """
import uuid, datetime
from tally.generated.avro.order_placed import OrderPlaced
at = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
order = OrderPlaced(order_id=uuid.UUID(int=7), article="a", count=2, placed_at=at)
assert OrderPlaced.decode(order.encode()) == order
import codegen
print(codegen.__path__[0])
"""


def _run(*command: str, cwd: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _wheel(folder: Path) -> Path:
    """Build the wheel from a copy of what is tracked, so that the checkout stays clean."""
    source = folder / "source"
    for name in tracked():
        if not name.startswith(("tests", "benchmarks", "docs")):
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, source / name)
    made = _run(sys.executable, "-c", BUILD, str(folder), cwd=source).splitlines()[-1]
    return folder / made


def _environment(folder: Path, wheel: Path) -> Path:
    """Install the wheel beside the packages that are pinned for it, from those that this checkout's own has cached."""
    uv = shutil.which("uv") or next((str(one) for one in _tools().glob("**/uv") if os.access(one, os.X_OK)), None)
    if uv is None:
        pytest.skip("uv is not there: run the tests by ./justw test")
    variables = bootstrap.uv_variables(bootstrap.cache_folder())
    home = folder / "environment"
    _run(uv, "venv", "--quiet", "--python", sys.executable, str(home), cwd=folder, environment=variables)
    command = [uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(home / "bin" / "python")]
    needed = [*command, "--require-hashes", "-r", str(ROOT / "requirements" / "codegen.txt")]
    done = subprocess.run(
        needed, cwd=folder, env=variables, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"the packages are not in uv's cache, and this test does not download: {done.stderr[-300:]}")
    _run(*command, str(wheel), cwd=folder, environment=variables)
    return home / "bin"


def _tools() -> Path:
    return bootstrap.tools_folder(bootstrap.cache_folder())


def test_the_wheel_asks_for_all_that_is_pinned_for_codegen() -> None:
    """What pip installs by the wheel's own word is the services' packages and the compilers, nothing by chance."""
    required = metadata.requires("tally") or ()
    extra = [one for one in required if "extra ==" in one]
    asked = {re.split(r"[\[=<>; ]", one)[0] for one in required if one not in extra}
    named = {
        re.split(r"[\[=<>; ]", line)[0]
        for name in ("runtime.in", "compilers.in")
        for line in (ROOT / "requirements" / name).read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    }
    assert asked == named
    assert {"grpcio-tools", "buf-bin", "mypy-protobuf", "msgspec"} <= asked
    assert [re.split(r"[=; ]", one)[0] for one in extra] == ["pyarrow"], "only Parquet is left to who wants it"


def test_a_foreign_project_has_code_from_contracts_in_five_lines(tmp_path: Path) -> None:
    """The README's lines, in an environment that knows nothing of this checkout."""
    programs = _environment(tmp_path, _wheel(tmp_path))
    project = tmp_path / "project"
    project.mkdir()
    environment = {"PATH": f"{programs}{os.pathsep}{os.defpath}", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    for arguments in (
        ("init", "contracts", "--name", "shop"),
        ("generate",),
        ("lint",),
        ("docs",),
        ("gen",),
        ("lock",),
    ):
        _run(str(programs / "codegen"), *arguments, cwd=project, environment=environment)
    assert "New here?" in _run(str(programs / "codegen"), "--help", cwd=project, environment=environment)
    where = _run(str(programs / "python"), "-c", PROGRAM, cwd=project, environment=environment).strip()
    assert Path(where).is_relative_to(programs.parent)
    pages = programs.parent.glob("lib/python*/site-packages/contracts/pages/index.html")
    assert list(pages), "the pages that the consumer serves are part of the wheel"
    parts = programs.parent.glob("lib/python*/site-packages/consumer/rest/page/home.*")
    assert {part.suffix for part in parts} == {".html", ".css", ".js"}, "and so is its own page"
