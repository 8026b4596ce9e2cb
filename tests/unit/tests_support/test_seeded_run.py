"""How a run at random is asked for on the command line."""

from pathlib import Path

import pytest

from tests_support import seeded_run


@pytest.mark.parametrize("words", [["0"], ["nan"], ["ten"], ["1", "x"], ["1", "2", "3"], ["241"]])
def test_wrong_words_are_told_and_nothing_begins(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Minutes and a seed that cannot be meant begin no run, and a sentence says what is allowed."""
    assert seeded_run.begin("chaos", words) is None
    assert "chaos takes MINUTES, above 0 and at most 240 (default 10), and SEED" in capsys.readouterr().err


def test_a_run_tells_how_to_draw_the_same_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command that is shown has the seed that was drawn, and the run's folder is named by it."""
    monkeypatch.setattr(seeded_run, "ROOT", tmp_path)
    run = seeded_run.begin("chaos", ["0.5"])
    assert run is not None
    assert f"`just chaos 0.5 {run.seed}` draws the same" in capsys.readouterr().out
    assert run.folder.is_dir()
    assert run.folder.name.endswith(f"-seed-{run.seed}")
