"""The tests keep their own house in order: they wait on conditions, and each tells its promise."""

import ast
import re
from collections.abc import Iterator

import pytest

from tests_support.checkout import ROOT, python_files

MAY_SLEEP = {"tests_support/waiting.py"}
WORDS_MIN = 5


def tree_of(name: str) -> ast.Module:
    return ast.parse((ROOT / name).read_text(encoding="utf-8"), name)


def sleeps(tree: ast.Module) -> Iterator[int]:
    """Yield the lines that sleep; ``asyncio.sleep(0)`` only lets others run."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        yields = bool(node.args) and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
        if called == "sleep" and not yields:
            yield node.lineno


def each_test(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node


def is_a_promise(sentence: str, name: str) -> bool:
    """Tell whether a docstring is one sentence on one line that says more than the test's name."""
    words = re.findall(r"[^\W_]+", sentence.lower())
    ends = re.findall(r"[.!?](?= [A-Z]|$)", sentence)
    return (
        ends == ["."]
        and "\n" not in sentence
        and len(sentence.split()) >= WORDS_MIN
        and words != name.removeprefix("test_").split("_")
    )


def test_no_test_sleeps_outside_the_polling_helper() -> None:
    """No test sleeps for a fixed time; all wait on conditions through the polling helper."""
    found = [
        f"{name}:{line}"
        for name in python_files("tests", "tests_support")
        if name not in MAY_SLEEP
        for line in sleeps(tree_of(name))
    ]
    assert found == [], "wait on a condition with tests_support.waiting.eventually instead"


def test_every_test_states_its_promise_in_one_sentence() -> None:
    """Each test's docstring is one sentence that says more than its name, so that a failure says what is broken."""
    silent = [
        f"{name}:{test.lineno} {test.name}"
        for name in python_files("tests")
        for test in each_test(tree_of(name))
        if not is_a_promise(ast.get_docstring(test) or "", test.name)
    ]
    assert silent == [], (
        f"give each a docstring of one sentence of at least {WORDS_MIN} words that ends with a full stop"
    )


@pytest.mark.parametrize(
    ("sentence", "kept"),
    [
        ("A record that was counted before changes no total.", True),
        ("`tally add` prints 4.5 for 4.25 and 0.25, e.g. here.", True),
        ("", False),
        ("A record that was counted before changes no total", False),
        ("A record changes nothing. It is known.", False),
        ("A record that was counted\nbefore changes no total.", False),
        ("It changes no total.", False),
        ("A known record changes no total.", False),
    ],
)
def test_a_promise_is_one_sentence_that_says_more_than_the_name(sentence: str, kept: bool) -> None:
    """A docstring that is absent, short, cut, of two sentences or lines, or only the name is not a promise."""
    assert is_a_promise(sentence, "test_a_known_record_changes_no_total") is kept


def test_no_test_is_hidden_by_another_of_the_same_name() -> None:
    """No two tests of one module have the same name, since Python would run the last one only."""
    twice = []
    for name in python_files("tests"):
        for scope in ast.walk(tree_of(name)):
            if isinstance(scope, ast.Module | ast.ClassDef):
                names = [node.name for node in scope.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
                twice += [f"{name}: {one}" for one in set(names) if names.count(one) > 1 and one.startswith("test_")]
    assert twice == []
