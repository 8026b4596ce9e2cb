"""The native stack in folders with names that people give, on real parts."""

from pathlib import Path

import pytest

from stack.parts.names import ORDER, STAYING
from tests_support.client.tally_command import tally
from tests_support.running.stacks import make_stack

pytestmark = pytest.mark.broker

NAME = "Zähler ü 日本 🎉/it's 50% \"#$&{}=:~!"


def test_everything_runs_in_a_folder_of_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a locale, every part starts, counts and starts again in a folder of any name, and writes only there."""
    for name in ("LANG", "LC_ALL", "LC_CTYPE"):
        monkeypatch.delenv(name, raising=False)
    with make_stack(tmp_path / NAME) as stack:
        stack.up(ORDER)
        tally(stack, "add", "2", "40.5")
        assert [stack.not_ready(part) for part in STAYING] == [None] * len(STAYING)
        stack.down()
        stack.up(ORDER)
        assert [stack.not_ready(part) for part in STAYING] == [None] * len(STAYING)
        assert [path.name for path in tmp_path.iterdir()] == [NAME.partition("/")[0]]
        assert (tmp_path / NAME / "kafka" / "tally.sums.v1-0").is_dir()
