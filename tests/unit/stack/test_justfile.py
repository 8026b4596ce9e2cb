"""The recipes are the product's promise."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from stack.bootstrap.checkout import cache_folder
from stack.bootstrap.tools import tools_folder

ROOT = Path(__file__).resolve().parents[3]
PROMISED = {
    "up",
    "down",
    "reset",
    "status",
    "logs",
    "gen",
    "test",
    "test-unit",
    "test-chaos",
    "test-fuzz",
    "test-contracts-foreign",
    "lint",
    "lint-ci",
    "demo",
    "observe",
    "bench",
    "mutants",
    "chaos",
    "run",
}


@pytest.fixture(scope="module")
def just() -> str:
    own = tools_folder(cache_folder()) / "just"
    found = str(own) if own.exists() else shutil.which("just")
    if found is None:
        pytest.skip("no just on this machine: `./justw test` brings it")
    return found


@pytest.fixture(scope="module")
def recipes(just):
    command = [just, "--justfile", str(ROOT / "justfile"), "--dump", "--dump-format", "json"]
    dumped = subprocess.run(command, capture_output=True, text=True, check=True)
    return {name: recipe for name, recipe in json.loads(dumped.stdout)["recipes"].items() if not recipe["private"]}


def test_every_promised_recipe_is_there(recipes):
    """The justfile has every recipe that users are promised."""
    assert set(recipes) >= PROMISED


def test_every_recipe_says_what_it_does_in_one_line_and_has_a_group(recipes):
    """Each public recipe has a group and a description of at most 100 characters."""
    for name, recipe in recipes.items():
        assert recipe["doc"], name
        assert len(recipe["doc"]) <= 100, name
        assert any(isinstance(each, dict) and "group" in each for each in recipe["attributes"]), name


def test_every_recipe_needs_the_environment_first(recipes):
    """Each public recipe prepares the environment and depends on nothing else."""
    for name, recipe in recipes.items():
        assert [each["recipe"] for each in recipe["dependencies"]] == ["_prepared"], name


def test_just_alone_lists_the_recipes(just):
    """`just` without arguments lists the promised recipes."""
    listed = subprocess.run([just, "--justfile", str(ROOT / "justfile")], capture_output=True, text=True, check=True)
    for name in PROMISED:
        assert f" {name} " in listed.stdout


def test_a_recipe_s_python_keeps_what_it_compiled_in_the_environment(just):
    """Whatever the caller says of compiled files: without them each service starts more than a second later."""
    asks = "import sys; print(sys.dont_write_bytecode, sys.pycache_prefix)"
    command = [just, "--justfile", str(ROOT / "justfile"), "run", "python", "-c", asks]
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "TALLY_PREPARED": str(ROOT)}
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["False", str(ROOT / ".venv" / "bytecode")]
