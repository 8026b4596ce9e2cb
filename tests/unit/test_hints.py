"""Messages tell to type what their reader typed."""

import os
import shutil
import subprocess

import pytest

from stack.bootstrap.checkout import cache_folder
from stack.bootstrap.tools import tools_folder
from tally.base.hints import TYPED_AS, hint, program
from tests_support.checkout import ROOT

ASKS = "from tally.base.hints import hint; print(hint('up'))"


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        (None, "./justw up"),
        ("", "./justw up"),
        ("just", "just up"),
        ("./justw", "./justw up"),
        ("/opt/my tally/justw", "'/opt/my tally/justw' up"),
    ],
)
def test_a_hint_begins_with_what_was_typed(monkeypatch: pytest.MonkeyPatch, typed: str | None, told: str) -> None:
    """A hint can be pasted: it begins as the reader's own command did, and with ./justw where nobody knows."""
    monkeypatch.delenv(TYPED_AS)
    if typed is not None:
        monkeypatch.setenv(TYPED_AS, typed)
    assert hint("up") == told


@pytest.mark.parametrize("typed", ["./justw", str(ROOT / "justw"), "stack/../justw"])
def test_justw_says_that_it_was_typed(typed: str) -> None:
    """A recipe that came by justw tells its messages so, with the path as it was typed."""
    assert _told([typed, "run", "python", "-c", ASKS]) == f"{typed} up"


def test_just_says_that_it_was_typed() -> None:
    """A recipe that came by just tells its messages so, though justw prepares the environment on its way."""
    own = tools_folder(cache_folder()) / "just"
    just = str(own) if own.exists() else shutil.which("just")
    if just is None:
        pytest.skip("no just on this machine: `./justw test` brings it")
    assert _told([just, "run", "python", "-c", ASKS]) == "just up"


def _unknowing() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name != TYPED_AS}


def _told(command: list[str]) -> str:
    ran = subprocess.run(command, cwd=ROOT, env=_unknowing(), capture_output=True, text=True, check=True)
    return ran.stdout.strip()


@pytest.mark.parametrize(
    ("typed", "told"), [("./justw", "./justw run tally"), ("just", "just run tally"), (None, "tally")]
)
def test_a_program_that_a_recipe_runs_is_told_with_the_recipe(
    monkeypatch: pytest.MonkeyPatch, typed: str | None, told: str
) -> None:
    """Whoever types `./justw run tally` has no tally on their path, and is not told to type it alone."""
    monkeypatch.delenv(TYPED_AS)
    if typed is not None:
        monkeypatch.setenv(TYPED_AS, typed)
    assert program("tally") == told


def test_wrong_usage_is_told_with_what_was_typed() -> None:
    """The way to a recipe's help begins as its own command did."""
    ran = subprocess.run(
        [ROOT / "justw", "observe", "nosuch"], cwd=ROOT, env=_unknowing(), capture_output=True, text=True, check=False
    )
    assert ran.returncode == 2
    assert f"Try '{ROOT / 'justw'} observe --help' for help." in ran.stderr
