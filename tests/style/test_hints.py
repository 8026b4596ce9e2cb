"""What a message tells to type is what its reader can type: `hint` knows how this person starts recipes."""

import ast
import re
from collections.abc import Iterator
from typing import Final

import pytest

from tests_support.checkout import text_of, tracked

PROGRAMS: Final = ("benchmarks", "codegen", "consumer", "demo", "loadtests", "oracle", "producer", "stack", "tally")
RECIPES: Final = re.findall(r"^([a-z][a-z0-9-]*)(?: [*+A-Z][^:]*)?: _prepared", text_of("justfile") or "", re.MULTILINE)
TYPED: Final = re.compile(rf"(?<!/)\bjust (?:{'|'.join(RECIPES)})\b(?!-| now)")
WRITTEN_DOWN: Final = {
    "stack/settings.py",  # what a port is for, in the list of the settings
    "tally/cli/settings.py",
    "stack/fetch/relock.py",  # headers of files that are kept
}


def spoken(source: str) -> Iterator[str]:
    """Yield the texts of a module, without its docstrings."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    silent = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield node.value


def typed(source: str) -> list[str]:
    """Return the recipes that a module's messages name by `just`, whatever their reader types."""
    return [found for text in spoken(source) for found in TYPED.findall(text)]


@pytest.mark.parametrize("name", [each for each in tracked() if each.startswith(PROGRAMS) and each.endswith(".py")])
def test_a_message_asks_how_its_reader_starts_recipes(name: str) -> None:
    """No program's message takes it for granted that its reader has just: it takes the command from `hint`."""
    if name not in WRITTEN_DOWN:
        assert typed(text_of(name) or "") == [], f"{name}: write {{hint('RECIPE')}}, see tally/base/hints.py"


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('raise Error("start it with `just up`")', ["just up"]),
        ('raise Error(f"{what}: `just observe` must run")', ["just observe"]),
        ("raise Error(f\"start it with `{hint('up')}`\")", []),
        ('"""`just up` starts it."""', []),
        ('say("what just runs is not known")', []),
    ],
)
def test_a_hint_past_the_function_is_seen(source: str, found: list[str]) -> None:
    """The check above sees texts and f-strings, and leaves documentation alone."""
    assert typed(source) == found
