"""How a command ends other than well: one line that says what is wrong and the cure, and an exit code."""

import sys
from typing import IO, Any

import click

from tally.base.hints import hint
from tally.base.shown.values import without_secrets


class CommandError(click.ClickException):
    """A check failed, or what was asked for could not be done: exit code 1."""

    exit_code = 1

    @classmethod
    def of_file(cls, error: OSError, path: object) -> "CommandError":
        """Return the error of the file that the system names, of ``path`` when it names none."""
        return cls(f"{error.filename or path}: {error.strerror or error}")

    def show(self, file: IO[Any] | None = None) -> None:
        """Print the line."""
        click.echo(f"tally: {without_secrets(self.format_message())}", file=file or sys.stderr)


class WrongUsageError(CommandError):
    """The command line or a setting is wrong: exit code 2."""

    exit_code = 2


class UnavailableError(CommandError):
    """A service does not answer: exit code 69."""

    exit_code = 69

    @classmethod
    def service(cls, what: str, address: str, setting: str, recipe: str = "up") -> "UnavailableError":
        """Return the error of a service that cannot be reached; ``recipe`` is what starts it."""
        return cls(
            f"{what} does not answer at {address}: start it with `{hint(recipe)}`, or set {setting} to where it is"
        )


class InterruptedByUserError(CommandError):
    """Ctrl-C: exit code 130, what a shell calls a process that SIGINT ended."""

    exit_code = 130
