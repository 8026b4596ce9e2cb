"""The page of faults names tests that exist, and invariants that the design has."""

import ast

import pytest

from tests_support.checkout import ROOT, text_of
from tests_support.running.recovery import ROW

INVARIANTS = {f"I{number}" for number in range(1, 13)}
LINES = [line for line in (text_of("docs/FAULTS.md") or "").splitlines() if "::" in line]


@pytest.mark.parametrize("line", LINES)
def test_a_row_names_a_test_that_exists_and_what_holds(line: str) -> None:
    """Each row of docs/FAULTS.md names a test that exists and invariants that the design has."""
    row = ROW.match(line)
    assert row is not None, "a row is: fault | made by | `path::test` | invariants"
    tree = ast.parse((ROOT / row["path"]).read_text(encoding="utf-8"))
    found = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert row["test"] in found, f"{row['path']} has no such test"
    assert row["holds"].split(), "at least one invariant holds"
    assert set(row["holds"].split()) <= INVARIANTS


def test_every_invariant_that_tests_can_see_from_outside_is_held_by_some_row() -> None:
    """Each invariant that can be observed from outside is held by at least one row of faults."""
    held = {each for line in LINES for each in (ROW.match(line) or {"holds": ""})["holds"].split()}
    assert {"I1", "I2", "I3", "I5", "I8", "I10", "I11", "I12"} <= held
