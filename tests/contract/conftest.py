"""Small contracts and the command, for tests that need no registry."""

from pathlib import Path

import pytest

from codegen.__main__ import main
from tests_support.small_contracts import Run, SmallContracts


@pytest.fixture
def small(tmp_path: Path) -> SmallContracts:
    """Return contracts in ./contracts of the folder that ``run`` runs in."""
    return SmallContracts(tmp_path / "contracts", "shop")


@pytest.fixture
def run(
    small: SmallContracts, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Run:
    """Return a function that runs the command and returns (exit code, all output); contracts are locked as v1."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["codegen", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capfd.readouterr()
        return int(caught.value.code or 0), out + err

    assert small.root.is_dir()
    assert run("generate")[0] == 0
    assert run("lock")[0] == 0
    return run
