"""The installed commands ``tally`` and ``codegen``: without the extra that brings their packages, they name it."""

import importlib
import sys
from typing import Final

EXIT_UNAVAILABLE: Final = 69

_OWN: Final = ("tally", "codegen")


def tally() -> None:
    """Run the command ``tally`` and exit with its code."""
    _run("tally", "cli")


def codegen() -> None:
    """Run the command ``codegen`` and exit with its code."""
    _run("codegen", "codegen")


def _run(command: str, extra: str) -> None:
    try:
        importlib.import_module(f"{command}.__main__").main()
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in ("", *_OWN):
            raise
        sys.stderr.write(f"{command}: the package {missing} is missing: pip install 'tally[{extra}]' brings it\n")
        sys.exit(EXIT_UNAVAILABLE)
