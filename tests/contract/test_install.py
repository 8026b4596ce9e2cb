"""The wheel of this repository in an empty environment: the client, and with extras the commands, anywhere else."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib import metadata
from pathlib import Path

import pytest

from stack.bootstrap.checkout import cache_folder
from stack.bootstrap.tools import tools_folder
from stack.bootstrap.uv import uv_variables
from stack.supply.wheel import MADE_FROM, build
from tests_support.checkout import ROOT, tracked
from tests_support.client.fake_tally import FakeTally, serving
from tests_support.node import node_modules_or_skip, run

TIMEOUT_S = 240
MADE_AT_S = 1_700_000_000
PROGRAM = """
import uuid, datetime
from contracts.generated.avro.order_placed import OrderPlaced
at = datetime.datetime(2026, 1, 2, tzinfo=datetime.UTC)
order = OrderPlaced(order_id=uuid.UUID(int=7), article="a", count=2, placed_at=at)
assert OrderPlaced.decode(order.encode()) == order
import codegen
print(codegen.__path__[0])
"""
TYPED = """\
from pathlib import Path
from tally import BlockingClient, Client, Committed, Outcome, RetryPolicy

def blocking(target: str) -> str:
    with BlockingClient(target, policy=RetryPolicy(deadline_s=5)) as client:
        outcome: Outcome = client.add("2", 3)
        client.add(2.5, 3)  # wrong
        return outcome.sum if isinstance(outcome, Committed) else ""

async def waiting(target: str) -> int:
    async with Client(target, history=Path("calls.jsonl")) as client:
        outcome = await client.add("2", "3")
        number: int = outcome  # wrong
        return number

from tally import Cliant  # wrong
"""
WRONG = {number for number, line in enumerate(TYPED.splitlines(), 1) if line.endswith("# wrong")}


def _run(*command: str, cwd: Path, environment: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _wheel(folder: Path) -> Path:
    """Build the wheel of what is tracked, as a release is built."""
    return build(ROOT, [name for name in tracked() if name.split("/")[0] in MADE_FROM], folder, MADE_AT_S)


def _environment(folder: Path, wheel: Path, pins: Sequence[str]) -> Path:
    """Install the wheel beside pinned packages, from those that this checkout's own environment has cached."""
    uv = shutil.which("uv") or next((str(one) for one in _tools().glob("**/uv") if os.access(one, os.X_OK)), None)
    if uv is None:
        pytest.skip("uv is not there: run the tests by ./justw test")
    variables = uv_variables(cache_folder())
    home = folder / "environment"
    _run(uv, "venv", "--quiet", "--python", sys.executable, str(home), cwd=folder, environment=variables)
    command = [uv, "pip", "install", "--quiet", "--offline", "--no-deps", "--python", str(home / "bin" / "python")]
    (folder / "pins.txt").write_text("\n".join(pins), encoding="utf-8")
    needed = [*command, "--require-hashes", "-r", str(folder / "pins.txt")]
    done = subprocess.run(
        needed, cwd=folder, env=variables, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )
    if done.returncode != 0:
        pytest.skip(f"the packages are not in uv's cache, and this test does not download: {done.stderr[-300:]}")
    before = _installed(home)
    _run(*command, str(wheel), cwd=folder, environment=variables)
    assert _installed(home) - before == {"tally", "codegen", f"tally-{metadata.version('tally')}.dist-info"}
    return home / "bin"


def _installed(home: Path) -> set[str]:
    return {path.name for path in next(home.glob("lib/python*/site-packages")).iterdir()}


def _pins(*names: str) -> list[str]:
    """Return the entries of the lock of codegen, with their hashes; of these packages when some are named."""
    text = (ROOT / "requirements" / "codegen.txt").read_text(encoding="utf-8")
    entries = [entry for entry in re.split(r"\n(?=[a-z0-9])", text) if not entry.startswith("#")]
    return [entry for entry in entries if not names or re.split(r"[\[=]", entry)[0] in names]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    return _wheel(tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """The programs of an environment with the wheel and all its extras but Parquet."""
    return _environment(tmp_path_factory.mktemp("full"), wheel, _pins())


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory, wheel: Path) -> Path:
    """The programs of an environment with the wheel and what it asks for without an extra."""
    pins = _pins("grpcio", "protobuf", "googleapis-common-protos", "typing-extensions")
    return _environment(tmp_path_factory.mktemp("bare"), wheel, pins)


def _tools() -> Path:
    return tools_folder(cache_folder())


def _named(*files: str) -> set[str]:
    """Return the packages that files of requirements name."""
    lines = [line for name in files for line in (ROOT / "requirements" / name).read_text("utf-8").splitlines()]
    return {re.split(r"[\[=<>; ]", line)[0] for line in lines if line and line[0] not in "#-"}


def _asked(wheel: Path) -> dict[str, set[str]]:
    """Return the packages that a wheel asks for, by extra; "" is without any."""
    with zipfile.ZipFile(wheel) as file:
        [name] = [each for each in file.namelist() if each.endswith(".dist-info/METADATA")]
        lines = file.read(name).decode().splitlines()
    asked: dict[str, set[str]] = {}
    for line in lines:
        if line.startswith("Requires-Dist: "):
            extra = re.search(r"extra == ['\"](\w+)", line)
            package = re.split(r"[\[=<>; ]", line.removeprefix("Requires-Dist: "))[0]
            asked.setdefault(extra[1] if extra else "", set()).add(package)
    return asked


def test_the_wheel_asks_for_what_each_extra_needs(wheel: Path) -> None:
    """Without an extra it is gRPC and Protobuf alone; each extra is what its files of requirements name."""
    assert _asked(wheel) == {
        "": {"grpcio", "protobuf", "googleapis-common-protos"},
        "ledger": _named("ledger.in"),
        "cli": _named("ledger.in", "commands.in", "cli.in"),
        "codegen": _named("commands.in", "compilers.in"),
        "parquet": {"pyarrow"},
    }
    assert _named("client.in") == {"grpcio", "protobuf", "googleapis-common-protos"}


async def test_the_lines_of_the_readme_add_numbers_with_nothing_but_the_wheel(bare: Path, tmp_path: Path) -> None:
    """The README's program, at the address of a service, in an environment without any extra."""
    [program] = re.findall(r"```python\n(from tally import.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    async with serving(FakeTally()) as target:
        code = program.replace("127.0.0.1:50051", target)
        assert code != program
        said = await asyncio.to_thread(_run, str(bare / "python"), "-c", code, cwd=tmp_path, environment={})
    assert said.startswith("42.5 Position(")


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """A user's program with right lines and wrong ones."""
    path = tmp_path / "program.py"
    path.write_text(TYPED, encoding="utf-8")
    return path


def test_mypy_finds_the_types_of_the_installed_library(bare: Path, program: Path, tmp_path: Path) -> None:
    """With ``--strict`` the right lines of a user's program pass, and each wrong one is an error."""
    command = [sys.executable, "-m", "mypy", "--strict", "--python-executable", str(bare / "python")]
    command += ["--config-file", "", "--cache-dir", str(tmp_path / "cache"), str(program)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if " error: " in line}
    assert found == WRONG, done.stdout + done.stderr


def test_pyright_finds_the_types_of_the_installed_library(bare: Path, program: Path) -> None:
    """In strict mode the right lines of a user's program pass, and each wrong one is an error."""
    program.write_text(f"{TYPED}# pyright: strict\n", encoding="utf-8")
    pyright = node_modules_or_skip(ROOT / "tests_support" / "pyright") / "pyright" / "index.js"
    done = run(pyright, "--outputjson", "--pythonpath", str(bare / "python"), str(program), cwd=program.parent)
    found = {each["range"]["start"]["line"] + 1 for each in json.loads(done.stdout)["generalDiagnostics"]}
    assert found == WRONG, done.stdout + done.stderr


@pytest.mark.parametrize(("command", "extra"), [("tally", "cli"), ("codegen", "codegen")])
@pytest.mark.parametrize("arguments", [(), ("--help",)], ids=["alone", "help"])
@pytest.mark.parametrize("is_module", [False, True], ids=["installed", "module"])
def test_a_command_without_its_extra_names_it(
    bare: Path, tmp_path: Path, command: str, extra: str, arguments: tuple[str, ...], is_module: bool
) -> None:
    """As a program or by ``python -m`` it says one sentence on standard error and exits with 69."""
    program = [str(bare / "python"), "-m", command] if is_module else [str(bare / command)]
    done = subprocess.run(
        [*program, *arguments], cwd=tmp_path, env={}, capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (69, "", 1), done.stderr
    assert f"pip install 'tally[{extra}]' brings it" in done.stderr


def test_each_subcommand_is_there_with_the_extras(full: Path, tmp_path: Path) -> None:
    """With the extras installed each command of both programs shows its help."""
    for command in ("tally", "codegen"):
        listed = _run(str(full / command), "--help", cwd=tmp_path, environment={"HOME": str(tmp_path)})
        names = re.findall(r"^  ([a-z][a-z-]+)  ", listed.partition("\nCommands:\n")[2], re.MULTILINE)
        assert len(names) > 5, listed
        for name in names:
            _run(str(full / command), name, "--help", cwd=tmp_path, environment={"HOME": str(tmp_path)})
        module = (str(full / "python"), "-m", command, "--help")
        assert _run(*module, cwd=tmp_path, environment={"HOME": str(tmp_path)}) == listed


def test_verifying_a_system_needs_a_checkout_and_says_so(full: Path, tmp_path: Path) -> None:
    """Verifying a topic without a checkout, which has the oracle, ends with code 69 and one sentence."""
    command = [str(full / "tally"), "verify", "--topic", "host:1/topic", "--ledger", "."]
    done = subprocess.run(
        command, cwd=tmp_path, env={"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 69
    assert "runs from a checkout of Tally only" in done.stderr


@pytest.mark.parametrize("name", ["client", "common", "consumer", "contracts", "observability", "producer", "stack"])
def test_a_user_s_own_package_stays_theirs(bare: Path, tmp_path: Path, name: str) -> None:
    """The wheel takes no import name but its two: what a user calls a package is the user's."""
    done = subprocess.run(
        [str(bare / "python"), "-c", f"import tally.client, {name}"],
        cwd=tmp_path, env={}, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert f"No module named '{name}'" in done.stderr
    (tmp_path / f"{name}.py").write_text("OWN = 1\n", encoding="utf-8")
    _run(str(bare / "python"), "-c", f"import tally.client, {name}; assert {name}.OWN", cwd=tmp_path, environment={})


def test_a_foreign_project_has_code_from_contracts_in_five_lines(full: Path, tmp_path: Path) -> None:
    """The commands of the README give a project without this checkout code that runs."""
    project = tmp_path / "project"
    project.mkdir()
    environment = {"PATH": f"{full}{os.pathsep}{os.defpath}", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    for arguments in (
        ("init", "contracts", "--name", "shop"),
        ("generate",),
        ("lint",),
        ("docs",),
        ("gen",),
        ("lock",),
    ):
        _run(str(full / "codegen"), *arguments, cwd=project, environment=environment)
    assert "New here?" in _run(str(full / "codegen"), "--help", cwd=project, environment=environment)
    where = _run(str(full / "python"), "-c", PROGRAM, cwd=project, environment=environment).strip()
    assert Path(where).is_relative_to(full.parent)
