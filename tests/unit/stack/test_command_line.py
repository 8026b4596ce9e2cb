"""The command lines of a checkout: what they take, and the exit codes that scripts rely on."""

import os
import re
import subprocess
import sys
from pathlib import Path

import click
import pytest

from stack import __main__ as stack
from stack import command_line
from tests_support.checkout import ROOT, python_files, text_of


def python(*arguments: str, folder: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a module as a person does."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "module",
    ["stack", "stack.fetch.relock", "stack.supply", "loadtests", "loadtests.external.k6_build", "benchmarks"],
)
def test_help_is_0_and_an_unknown_option_is_2_and_is_named(module: str) -> None:
    """Help goes to standard output; wrong usage names the option on standard error and does nothing."""
    shown, wrong = python(module, "--help"), python(module, "--nonsense")
    assert (shown.returncode, shown.stderr) == (0, "")
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert "--nonsense" in wrong.stderr


@pytest.mark.parametrize("form", [["--parts", "kafka", "registry"], ["--parts=kafka", "--parts=registry"]])
def test_up_takes_parts_in_one_option_or_in_several(form: list[str]) -> None:
    """`stack up` accepts several parts behind one --parts, or one behind each."""
    command = stack.program.commands["up"]
    context = command.make_context("up", form)
    assert (context.params["mode"], context.params["parts"]) == ("native", ("kafka", "registry"))


def test_a_part_that_is_none_is_wrong_usage() -> None:
    """A part that does not exist is refused by name, with the parts that do."""
    with pytest.raises(click.BadParameter, match=r"'nonsense' is not one of .*kafka"):
        stack.program.commands["up"].make_context("up", ["--parts", "kafka", "nonsense"])


def test_run_passes_everything_behind_the_command_on() -> None:
    """`run` passes the command's own options on, also --help, and ends with its exit code."""
    line = ["tally", "add", "--help", "--", "-1", "--wait=3"]
    assert stack.program.commands["run"].make_context("run", list(line)).params["command"] == tuple(line)
    done = python("stack", "run", sys.executable, "-c", "import sys; sys.exit(7)")
    assert done.returncode == 7, done.stderr


def test_run_gives_the_code_that_the_command_returned_and_130_when_it_was_interrupted() -> None:
    """A command's own exit code is kept, Ctrl-C gives 130, wrong usage 2 and help 0."""

    @click.command()
    @click.option("--interrupt", is_flag=True)
    def three(interrupt: bool) -> int:
        if interrupt:
            raise KeyboardInterrupt
        return 3

    assert command_line.run(three, "three", []) == 3
    assert command_line.run(three, "three", ["--interrupt"]) == 130
    assert command_line.run(three, "three", ["--nonsense"]) == 2
    assert command_line.run(three, "three", ["--help"]) == 0


def test_there_is_one_library_for_command_lines() -> None:
    """No module imports another library for command lines than click."""
    another = re.compile(r"^\s*(?:import|from) (?:argparse|optparse|getopt)\b", re.MULTILINE)
    assert [name for name in python_files() if another.search(text_of(name) or "")] == []
