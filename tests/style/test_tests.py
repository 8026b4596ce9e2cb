"""The tests keep their own house in order: they wait on conditions, and each tells its promise."""

import ast
from collections.abc import Iterator

from tests_support.checkout import ROOT, python_files

MAY_SLEEP = {"tests_support/waiting.py"}
WORDS_MIN = 4


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


def promises_of(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node


def test_no_test_sleeps_outside_the_polling_helper() -> None:
    """No test sleeps for a fixed time; all wait on conditions through the polling helper."""
    found = [
        f"{name}:{line}"
        for name in python_files("tests", "tests_support")
        if name not in MAY_SLEEP
        for line in sleeps(tree_of(name))
    ]
    assert found == [], "wait on a condition with tests_support.waiting.eventually instead"


def test_every_test_states_its_promise_in_its_name_or_docstring() -> None:
    silent = [
        f"{name}:{test.lineno} {test.name}"
        for name in python_files("tests")
        for test in promises_of(tree_of(name))
        if len(test.name.removeprefix("test_").split("_")) < WORDS_MIN and not ast.get_docstring(test)
    ]
    assert silent == [], f"give each a docstring or a name of at least {WORDS_MIN} words"


def test_no_test_is_hidden_by_another_of_the_same_name() -> None:
    """No two tests of one module have the same name, since Python would run the last one only."""
    twice = []
    for name in python_files("tests"):
        for scope in ast.walk(tree_of(name)):
            if isinstance(scope, ast.Module | ast.ClassDef):
                names = [node.name for node in scope.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
                twice += [f"{name}: {one}" for one in set(names) if names.count(one) > 1 and one.startswith("test_")]
    assert twice == []
