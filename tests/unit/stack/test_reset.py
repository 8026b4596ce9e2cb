"""Deleting data: only Tally's own, never while something runs, only after a yes."""

import os

import pytest

from stack import Ports, Stack, StackError
from stack.processes import Mark, beginning_of, write_mark
from stack.reset import delete_data


@pytest.fixture
def stack(tmp_path):
    for name in ("kafka", "consumer", "photos"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    return Stack(tmp_path, Ports.free())


def names(stack: Stack) -> list[str]:
    return sorted(path.name for path in stack.data_dir.iterdir())


def test_only_what_tally_wrote_is_deleted(stack):
    """A reset deletes Tally's own folders and leaves others in the data directory."""
    assert delete_data(stack, ask=False)
    assert names(stack) == ["photos"]


def test_nothing_is_deleted_while_a_part_runs(stack):
    """A reset while a part runs is refused with its name and deletes nothing."""
    stack.run_dir.mkdir()
    write_mark(stack.run_dir / "kafka.json", Mark(os.getpid(), beginning_of(os.getpid()) or "", 0.0))
    with pytest.raises(StackError, match="still running: kafka"):
        delete_data(stack, ask=False)
    assert "kafka" in names(stack)


@pytest.mark.parametrize(
    ("answer", "deleted"), [("", False), ("n", False), ("yes", True), ("Y", True), ("what", False)]
)
def test_only_a_clear_yes_deletes(stack, monkeypatch, answer, deleted):
    """Data is deleted only if the question is answered with yes; anything else keeps it."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    assert delete_data(stack, ask=True, read_line=lambda _: answer) is deleted
    assert ("kafka" not in names(stack)) is deleted


def test_with_nobody_to_ask_the_way_for_scripts_is_told(stack, monkeypatch):
    """Without a terminal a reset is refused with the option for scripts, and the data stays."""
    monkeypatch.setattr("sys.stdin.isatty", lambda: False, raising=False)
    with pytest.raises(StackError, match="--yes"):
        delete_data(stack, ask=True)
    assert "kafka" in names(stack)
