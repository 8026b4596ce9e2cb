"""Is a command line one that the program would take? Asked of the real parsers; nothing is executed."""

import contextlib
import importlib
import importlib.util
import io
import json
import re
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, Final

import click

from stack.bootstrap.checkout import cache_folder
from stack.bootstrap.tools import tools_folder
from tests_support.checkout import ROOT

_COMMANDS: Final[Mapping[str, str]] = {
    "benchmarks": "benchmarks.__main__:program",
    "codegen": "codegen.cli:cli",
    "demo": "demo.__main__:main",
    "loadtests": "loadtests.__main__:program",
    "stack": "stack.__main__:program",
    "stack.supply": "stack.supply.__main__:program",
    "tally": "tally.cli.main:main",
}
"""The programs whose command lines click parses, by module."""

_PLACEHOLDER: Final = re.compile(r"[A-Z][A-Z_]*(\.\w+)?$|[$<]|\[|\.\.\.$")
_MODULE: Final = re.compile(r"-m ([\w.]+) ?(.*)")


class WrongCommandError(AssertionError):
    """The program would refuse these words."""


def check(words: Sequence[str], quoted: bool) -> bool:
    """Return whether the words start a program of this repository. Raises WrongCommandError when it would refuse them.

    In a sentence a command may be cut short, and a word in capitals stands for any value.
    """
    match [*words]:
        case ["./justw" | "just", *rest]:
            _check_recipe(rest, quoted)
        case ["tally" | "codegen" as command, *rest]:
            _check_module(command, rest, quoted)
        case ["python" | ".venv/bin/python", "-m", module, *rest]:
            _check_module(module, rest, quoted)
        case _:
            return False
    return True


@cache
def recipes() -> Mapping[str, Any]:
    """Return the recipes of the justfile as `just` itself reads them."""
    own = tools_folder(cache_folder()) / "just"
    just = str(own) if own.exists() else shutil.which("just")
    assert just is not None, "`./justw --prepare-only` brings just"
    command = [just, "--justfile", str(ROOT / "justfile"), "--dump", "--dump-format", "json"]
    found: Mapping[str, Any] = json.loads(subprocess.check_output(command, text=True, timeout=30))["recipes"]
    return found


def _check_recipe(words: Sequence[str], quoted: bool) -> None:
    if not words:
        return
    name, *arguments = words
    recipe = recipes().get(name)
    if recipe is None or recipe["private"]:
        raise WrongCommandError(f"there is no recipe {name}")
    kinds = [each["kind"] for each in recipe["parameters"]]
    needed = sum(kind in ("singular", "plus") for kind in kinds)
    if len(arguments) < needed and not quoted:
        raise WrongCommandError(f"the recipe {name} needs {needed} arguments")
    if len(arguments) > len(kinds) and "star" not in kinds and "plus" not in kinds:
        raise WrongCommandError(f"the recipe {name} takes {len(kinds)} arguments")
    if name == "run":
        check(arguments, quoted)
    for line in recipe["body"]:
        text = "".join(part for part in line if isinstance(part, str))
        if '"$@"' in text and (found := _MODULE.search(text)):
            _check_module(found[1], [*found[2].replace('"$@"', "").split(), *arguments], quoted)


def _check_module(module: str, arguments: Sequence[str], quoted: bool) -> None:
    if module not in _COMMANDS:
        if importlib.util.find_spec(module) is None:
            raise WrongCommandError(f"there is no module {module}")
        return
    place, name = _COMMANDS[module].split(":")
    command = getattr(importlib.import_module(place), name)
    words = [word for word in arguments if not (quoted and word.startswith("["))]
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            _parse(command, module, words)
    except click.exceptions.Exit:
        return  # --help has been shown
    except click.UsageError as error:
        if not _is_forgiven(error, words, quoted):
            raise WrongCommandError(f"{module}: {error.format_message()}") from error


def _is_forgiven(error: click.UsageError, words: Sequence[str], quoted: bool) -> bool:
    """Tell whether only a value is missing, or stands for another one; files of examples need not exist."""
    if isinstance(error, click.BadParameter) and error.param and isinstance(error.param.type, click.Path):
        return True
    if not quoted or isinstance(error, click.NoSuchOption | click.NoSuchCommand):
        return False
    cut_short = isinstance(error, click.MissingParameter | click.BadOptionUsage | click.exceptions.NoArgsIsHelpError)
    return cut_short or any(_PLACEHOLDER.match(word) for word in words)


def _parse(command: click.Command, name: str, words: Sequence[str]) -> None:
    """Parse as click does before it calls the command, and so on down its subcommands."""
    with command.make_context(name, list(words)) as context:
        rest = [*context._protected_args, *context.args] if isinstance(command, click.Group) else []
        if isinstance(command, click.Group) and rest:
            own, subcommand, arguments = command.resolve_command(context, rest)
            assert own is not None
            assert subcommand is not None
            with subcommand.make_context(own, arguments, parent=context):
                pass
