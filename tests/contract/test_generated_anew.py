"""The generated code can be lost: codegen needs none of it."""

import shutil
from pathlib import Path

from codegen import tree
from tests_support.checkout import GENERATED, ROOT, tracked
from tests_support.contracts.codegen_command import codegen


def test_code_that_was_deleted_is_generated_again(tmp_path: Path) -> None:
    """``rm -r tally/generated && just gen`` gives back the same files: no module that codegen imports is among them."""
    for name in tracked():
        if name.startswith(("codegen/", "contracts/", "tally/")) and not name.startswith(GENERATED):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, tmp_path / name)
    codegen(tmp_path, "gen", PYTHONPATH=str(tmp_path))
    assert tree.differences(tree.files_of(tmp_path / GENERATED), tree.files_of(ROOT / GENERATED)) == []
