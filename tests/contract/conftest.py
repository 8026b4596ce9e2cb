"""Small contracts and the command, for tests that need no registry."""

import shutil
from pathlib import Path

import pytest

from codegen.__main__ import main
from tests_support.contracts.codegen_command import codegen
from tests_support.contracts.small_contracts import Run, SmallContracts


@pytest.fixture(scope="session")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the same contracts as ``small``, generated and locked as v1, once for all tests; they are copied."""
    folder = tmp_path_factory.mktemp("locked")
    contracts = SmallContracts(folder / "contracts", "shop")
    codegen(folder, "generate")
    codegen(folder, "lock")
    return contracts.root


@pytest.fixture
def small(tmp_path: Path) -> SmallContracts:
    """Return contracts in ./contracts of the folder that ``run`` runs in."""
    return SmallContracts(tmp_path / "contracts", "shop")


@pytest.fixture
def run(
    small: SmallContracts,
    locked: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Run:
    """Return a function that runs the command and returns (exit code, all output); contracts are locked as v1."""
    shutil.copytree(locked, small.root, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["codegen", *arguments])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capfd.readouterr()
        return int(caught.value.code or 0), out + err

    return run
