"""The list of mutants fits the code of today, and the runner tells a mutant that no test notices."""

import ast
from pathlib import Path

import pytest

from tests_support.checkout import ROOT
from tests_support.mutants.catalogue import Mutant, StaleMutantError, catalogue
from tests_support.mutants.trial import Verdict, try_mutant

MUTANTS = catalogue()


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mutant_fits_its_file_once_and_is_still_python(mutant: Mutant) -> None:
    """Each mutant's text stands once in its file, and the changed file is still valid Python."""
    changed = mutant.applied_to((ROOT / mutant.file).read_text(encoding="utf-8"))
    assert mutant.old != mutant.new
    assert changed


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_killer_is_a_test_that_exists(mutant: Mutant) -> None:
    """The test that is to kill a mutant exists by its file and name."""
    tree = ast.parse((ROOT / mutant.killer_path).read_text(encoding="utf-8"))
    names = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert not mutant.killer_function or mutant.killer_function in names


def test_the_list_is_long_enough_and_its_names_differ() -> None:
    """The catalogue has at least 25 mutants, each with a name of its own."""
    assert len(MUTANTS) >= 25
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)


def test_a_mutant_whose_text_is_gone_is_told_as_stale() -> None:
    """A mutant whose text is not in its file is an error and not a survivor."""
    with pytest.raises(StaleMutantError, match="stands 0 times"):
        MUTANTS[0].applied_to("other code")


@pytest.mark.parametrize(
    ("test", "verdict"),
    [
        ("assert double(3) == 6", Verdict.KILLED),
        ("assert double(0) == 0", Verdict.SURVIVED),
        ("assert (", Verdict.NOT_RUN),
    ],
)
def test_only_a_failing_test_kills_and_the_tree_is_whole_again(tmp_path: Path, test: str, verdict: Verdict) -> None:
    """A mutant is killed only by a test that fails on it, and the changed file is restored."""
    code = "def double(n):\n    return 2 * n\n"
    (tmp_path / "doubling.py").write_text(code)
    (tmp_path / "test_it.py").write_text(f"from doubling import double\ndef test_double():\n    {test}\n")
    mutant = Mutant(name="n", breaks="-", file="doubling.py", old="2 * n", new="3 * n", killer="test_it.py")
    assert try_mutant(tmp_path, mutant).verdict is verdict
    assert (tmp_path / "doubling.py").read_text() == code
