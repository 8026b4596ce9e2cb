"""The pre-commit hooks that this repository offers to others."""

import re

import yaml

from tests_support.checkout import ROOT, tracked
from tests_support.documents.parsers import check

HOOKS = {each["id"]: each for each in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}


def test_each_hook_is_a_command_that_codegen_takes_without_file_names() -> None:
    """pre-commit appends the names of files unless it is told not to, and installs no extra by itself."""
    assert set(HOOKS) == {"codegen-lint", "codegen-check"}
    for hook in HOOKS.values():
        assert check(hook["entry"].split(), quoted=False)
        assert hook["pass_filenames"] is False
        assert hook["additional_dependencies"] == [".[codegen]"]


def test_lint_runs_for_the_files_of_the_contracts_and_for_no_others() -> None:
    """What is written by hand is meant; what codegen writes is left to check."""
    files = re.compile(HOOKS["codegen-lint"]["files"])
    meant = {name for name in tracked() if name.startswith("contracts/") and files.search(name)}
    by_hand = (
        "contracts/avro/",
        "contracts/proto/",
        "contracts/topics/",
        "contracts/buf.yaml",
        "contracts/codegen.yaml",
    )
    assert meant == {name for name in tracked() if name.startswith(by_hand)}
    assert not files.search("contracts/history/tally.sums.v1-value/v1.avsc")
