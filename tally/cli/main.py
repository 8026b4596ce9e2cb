"""The command ``tally``: its help and its subcommands, each a module beside this one."""

import importlib
from pathlib import Path
from typing import Final

import click

from tally.base.env_file import OPTION, VARIABLE
from tally.base.hints import hint
from tally.cli.failures import InterruptedByUserError

_COMMANDS: Final = ("add", "load", "total", "export", "tail", "replay-dlt", "verify", "repair", "trace", "logs")

_HELP = f"""Add numbers to a Tally, read the total, check its ledger.

\b
Examples:
  tally add 2 40.5
  tally load flights.csv --a dep_delay --b arr_delay
  tally total
  tally verify data

Services are found by environment variables: TALLY_GRPC_HOST and TALLY_GRPC_PORT (or TALLY_GRPC_TARGET),
TALLY_REST_HOST and TALLY_REST_PORT (or TALLY_REST_URL), TALLY_KAFKA_BOOTSTRAP_SERVERS, TALLY_REGISTRY_URL. They are
also read from the checkout's .env, or from the file that --env-file names, but never from an .env in the current
directory. Without them, everything is expected on this machine, where `{hint("up")}` puts it.

\b
Exit codes: 0 ok, 1 a check failed, 2 wrong usage, 69 a service is unavailable, 130 interrupted.
"""


class _Commands(click.Group):
    """Imports a command's module when it is asked for: `tally add` needs no Kafka client."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command = importlib.import_module(f"tally.cli.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command)
        return command

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise InterruptedByUserError("interrupted") from None


@click.group(cls=_Commands, help=_HELP, context_settings={"help_option_names": ["--help", "-h"]})
@click.option(
    OPTION,
    "named",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help=f"Read settings from this file, not from the checkout's .env.  [default: {VARIABLE}]",
)
@click.pass_context
def main(context: click.Context, named: Path | None) -> None:
    """Dispatch to a command."""
    context.obj = named
