"""Each row of a partition's decision table is broken by a mutant of the catalogue; `just mutants` tries them all."""

import sys
from collections.abc import Callable
from types import ModuleType
from typing import Final

import pytest

from tests_support.checkout import ROOT
from tests_support.consumer.partition_rows import ROWS
from tests_support.consumer.partition_values import RULES
from tests_support.mutants.catalogue import Mutant, catalogue

MODULES: Final = ("steps", "reading", "table")
"""Those that decide, each before those that import it."""
A_ROW: Final = "tests/unit/consumer_core/test_partition.py::test_a_row["
MUTANTS: Final = [mutant for mutant in catalogue() if mutant.killer.startswith(A_ROW)]


def broken_by(mutant: Mutant, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the names of the rows that a mutant breaks."""
    for name in MODULES:
        path = f"consumer/core/partition/{name}.py"
        text = (ROOT / path).read_text(encoding="utf-8")
        module = ModuleType(f"consumer.core.partition.{name}")
        monkeypatch.setitem(sys.modules, module.__name__, module)
        exec(compile(mutant.applied_to(text) if mutant.file == path else text, path, "exec"), module.__dict__)
    decide: Callable[..., object] = module.__dict__["decide"]

    def holds(row_number: int) -> bool:
        row = ROWS[row_number]
        try:
            return decide(row.before, row.event, row.now_s, RULES) == (row.after, row.actions)
        except Exception:  # noqa: BLE001 - a mutant may break anything
            return False

    return {ROWS[number].name for number in range(len(ROWS)) if not holds(number)}


def test_every_row_has_a_mutant_and_every_such_mutant_its_row(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row of the table is broken by a mutant, and each such mutant names a row that it breaks."""
    broken: set[str] = set()
    for mutant in MUTANTS:
        found = broken_by(mutant, monkeypatch)
        assert mutant.killer.removeprefix(A_ROW).removesuffix("]") in found, mutant.name
        broken |= found
    assert broken == {row.name for row in ROWS}
