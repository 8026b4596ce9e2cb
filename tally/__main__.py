"""The command ``tally``, installed or as ``python -m tally``: see tally.cli.main."""

from tally.base.extras import extra_named
from tally.base.hints import program
from tally.base.shown import terminal


def main() -> None:
    """Run the command and exit with its code."""
    terminal.guard()
    with extra_named("tally", "cli"):
        from tally.cli import main as command  # noqa: PLC0415 - its packages may be missing

        command.main(prog_name=program("tally"))


if __name__ == "__main__":
    main()
