"""Acceptance 7: the same contracts give the same bytes everywhere, and a second run changes nothing."""

import shutil
from pathlib import Path

import pytest

from codegen import tree
from tests_support.checkout import ROOT
from tests_support.contracts.codegen_command import codegen
from tests_support.contracts.small_contracts import Run, SmallContracts


def test_generating_and_locking_again_changes_nothing(run: Run, small: SmallContracts) -> None:
    before = small.lock.read_bytes()
    assert run("generate")[1].endswith("none changed\n")
    assert run("lock") == (0, "nothing to add\n")
    assert run("check")[0] == 0
    assert run("plan", "--offline")[0] == 0
    assert small.lock.read_bytes() == before
    assert (small.root / "history" / small.subject / "v1.avsc").is_file()
    assert (small.root / "history" / small.proto / "v1.proto").is_file()


@pytest.mark.parametrize("seed", ["0", "424242"])
def test_the_code_is_the_same_for_every_hash_seed_folder_language_and_time_zone(seed: str, tmp_path: Path) -> None:
    elsewhere = tmp_path / f"another folder {seed}"
    shutil.copytree(ROOT / "contracts", elsewhere / "contracts")
    codegen(elsewhere, "generate", PYTHONHASHSEED=seed, TZ="Asia/Kolkata", LC_ALL="C", PYTHONUTF8="0")
    generated = tree.files_of(elsewhere / "tally" / "generated")
    assert tree.differences(generated, tree.files_of(ROOT / "tally" / "generated")) == []
    assert not any(str(tmp_path) in text or str(ROOT) in text for text in generated.values())
