"""The command line of ``codegen``: its help, its commands by name, and its exit codes."""

import importlib
import os
import sys
from typing import Final

import click

from codegen import cache
from codegen.errors import EXIT_USAGE, CodegenError
from tally.base.shown.values import without_secrets

_HELP = """Typed Python, a schema registry and Kafka topics, all from one folder of contracts.

New here? This makes a folder that works, and code from it:

\b
  codegen init contracts --name shop
  codegen generate
  python -c "from contracts.generated.avro.order_placed import OrderPlaced"

\b
The folder (--contracts, by default ./contracts):
  proto/**/*.proto    Protobuf files; imports start here
  avro/*.avsc         Avro records, one a file
  topics/*.yaml       topics: schema, subject, compatibility, partitions, configuration
  registries.yaml     registries by name, for --registry NAME
  buf.yaml            rules of lint and of breaking changes for Protobuf, as buf reads them
  codegen.yaml        what differs from the rule: where code goes, subjects of files, levels, lint's rules
  generated/          the code that `codegen generate` writes; commit it, never edit it
  retired.yaml        what was published once and is given up: when and why, or where it moved
  contracts.lock      what was published where; history/ has every version's text. Commit both

\b
Without any server:
  codegen init        a new contracts folder, with an example of everything
  codegen lint        broken files, the rules you chose for Avro, buf's rules, all at once
  codegen generate    Python from the contracts; the same bytes on every machine
  codegen docs        pages to browse: fields, types, rules, owners, versions and what changed
  codegen check       do code, lock and pages match the contracts?
  codegen gen         lint, generate, docs and check in one go; at once when nothing changed
  codegen plan --offline   what changed since the lock, or since --against git:main; does it break anybody?
  codegen lock        record the contracts as released versions
With a registry and Kafka:
  codegen plan        what publishing would do
  codegen publish     register the schemas, create the topics; a second run changes nothing
  codegen check --registry   does everything there match the contracts?
  codegen diff        what changed between two versions, in words
  codegen pull        contracts from somebody's registry, as it is: a plan has nothing to do then

\b
A registry's secrets come from the environment and are never shown:
  TALLY_REGISTRY_USER, TALLY_REGISTRY_PASSWORD    basic authentication
  TALLY_REGISTRY_TOKEN                            a bearer token
  TALLY_REGISTRY_CA                               PEM file of the authorities to trust
  TALLY_REGISTRY_CERT, TALLY_REGISTRY_KEY, TALLY_REGISTRY_KEY_PASSWORD   a client certificate (mTLS)

\b
Exit codes: 0 done or nothing to do, 1 the contracts are wrong, 2 changes pending (plan, publish --dry-run),
3 a schema would break its readers or writers, 4 something differs from the contracts,
5 the registry or Kafka is unreachable or refuses access, 64 usage.
"""

_COMMANDS: Final = ("check", "diff", "docs", "gen", "generate", "init", "lint", "lock", "plan", "publish", "pull")
"""Each is a module of codegen.commands, loaded when it is asked for: compilers and clients take a moment."""


class _Lazy(click.Group):
    def list_commands(self, _context: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, _context: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        found = getattr(importlib.import_module(f"codegen.commands.{cmd_name}"), f"{cmd_name}_command")
        assert isinstance(found, click.Command), f"{cmd_name} is a command"
        return found


@click.group(cls=_Lazy, help=_HELP)
@click.pass_context
def cli(context: click.Context) -> None:
    """The group; its help is above."""
    if os.environ.get("NO_COLOR"):
        context.color = False


def run() -> None:
    """Run the command of ``sys.argv`` and exit with its code."""
    try:
        code = cli.main(prog_name="codegen", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = EXIT_USAGE
    except click.ClickException as error:
        error.show()
        code = 1
    except click.Abort:
        code = 130
    except CodegenError as error:
        print(f"codegen: {without_secrets(str(error))}", file=sys.stderr)
        code = error.exit_code
    cache.trim()
    sys.exit(code)
