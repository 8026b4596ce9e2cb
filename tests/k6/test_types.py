"""The k6 scripts agree with what is published of k6's interfaces: @types/k6 2.3, checked by TypeScript's compiler."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from stack.system import ROOT
from tests_support.node import node_modules_or_skip, run

_TYPES: Final = Path(__file__).parent / "types"
_LOADTESTS: Final = ROOT / "loadtests"


@pytest.fixture(scope="module")
def modules() -> Path:
    return node_modules_or_skip(_TYPES)


def check(modules: Path, config: Path) -> str:
    """Check the types of a project and return what the compiler says; empty when nothing is wrong."""
    compiler = modules / "typescript" / "bin" / "tsc"
    done = run(compiler, "--project", str(config), "--typeRoots", str(modules / "@types"))
    print(done.stdout, done.stderr)
    assert bool(done.stdout.strip()) == (done.returncode != 0), done
    return done.stdout


def config_with(folder: Path, *files: Path) -> Path:
    """Return a project like ours that has other files."""
    settings: dict[str, Any] = json.loads((_TYPES / "tsconfig.json").read_text(encoding="utf-8"))
    settings["files"] = [str(_TYPES / "globals.d.ts"), *map(str, files)]
    settings["include"] = []
    config = folder / "tsconfig.json"
    config.write_text(json.dumps(settings), encoding="utf-8")
    return config


def test_scripts_have_no_type_errors(modules: Path) -> None:
    """Every script and module that k6 runs passes the compiler with all of its strict checks."""
    assert check(modules, _TYPES / "tsconfig.json") == ""


def test_every_module_is_checked(modules: Path) -> None:
    """Each script in loadtests/ is among those whose types are checked."""
    compiler = modules / "typescript" / "bin" / "tsc"
    listed = run(
        compiler, "-p", str(_TYPES / "tsconfig.json"), "--typeRoots", str(modules / "@types"), "--listFilesOnly"
    )
    seen = {Path(line).resolve() for line in listed.stdout.splitlines()}
    scripts = {each.resolve() for each in [*_LOADTESTS.glob("*.js"), *_LOADTESTS.glob("k6/*.js")]}
    assert scripts
    assert scripts <= seen


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ('import grpc from "k6/net/grpc"; new grpc.Client().call("Add", {});', "'call'"),
        ('import http from "k6/http"; http.get("/", { timeout: true });', "'true'"),
        ('import { Counter } from "k6/metrics"; new Counter("a").add("1");', "'number | boolean'"),
        ('import exec from "k6/execution"; exec.scenario.iteration;', "'iteration'"),
        ('import { optionsOf } from "./options.js"; optionsOf("smoke", []);', "'Profile'"),
    ],
)
def test_the_check_finds_a_mistake(modules: Path, tmp_path: Path, line: str, complaint: str) -> None:
    """A call that k6 does not have, or another type than it takes, is found: the check is not blind."""
    script = tmp_path / "mistake.js"
    script.write_text(line.replace("./", f"{_LOADTESTS}/k6/"), encoding="utf-8")
    assert complaint in check(modules, config_with(tmp_path, script))


def test_the_lock_names_no_registry() -> None:
    """The lock of the packages works with any registry: it has hashes and no addresses."""
    packages = json.loads((_TYPES / "package-lock.json").read_text(encoding="utf-8"))["packages"]
    installed = {name: each for name, each in packages.items() if name}
    assert installed
    assert all("resolved" not in each and each["integrity"] for each in installed.values())
