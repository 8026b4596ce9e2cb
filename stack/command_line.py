"""What the command lines of a checkout have in common: `just up` and its relatives, load tests, benches, pinning."""

from collections.abc import Sequence
from typing import Final

import click

EXIT_USAGE: Final = 2
EXIT_INTERRUPTED: Final = 130


def run(command: click.Command, name: str, arguments: Sequence[str] | None = None) -> int:
    """Run a command line, that of the process unless one is given. Return the exit code that its function returned.

    Wrong usage is told and gives 2, an interrupt 130; other exceptions are the caller's.
    """
    try:
        return int(command.main(arguments, prog_name=name, standalone_mode=False) or 0)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return EXIT_INTERRUPTED
