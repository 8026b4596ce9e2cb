"""What the command lines of a checkout have in common: `just up` and its relatives, load tests, benches, pinning."""

import sys
from collections.abc import Sequence
from typing import Final, TextIO

import click

from tally.base.shown.terminal import guard, unguarded

EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130


def own_output() -> TextIO:
    """Return standard output for what is drawn by us, in colours."""
    return unguarded(sys.stdout)


def run(command: click.Command, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command line, that of the process unless one is given. Return the exit code that its function returned.

    Wrong usage is told and gives 2, an interrupt 130; other exceptions are the caller's. That of the process passes no
    control character on to a terminal.
    """
    if arguments is None:
        guard()
    try:
        return int(command.main(arguments, prog_name=name, standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return EXIT_INTERRUPTED
