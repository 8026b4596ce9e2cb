"""The command ``codegen``: what a person types. It parses, calls, prints; everything else is in the other modules."""

import sys
from pathlib import Path

import click

from codegen import lock, tree
from codegen.errors import EXIT_USAGE, CodegenError
from codegen.generate import generated_files
from codegen.options import CONTRACTS, OUT, PACKAGE, package_name
from codegen.wanted import wanted

_HELP = """Typed Python, a schema registry and Kafka topics, all from one folder of contracts.

\b
The folder (--contracts, by default ./contracts):
  proto/**/*.proto    Protobuf files; imports start here
  avro/*.avsc         Avro records, one a file
  topics/*.yaml       topics: schema, subject, compatibility, partitions, configuration
  generated/          the code that `codegen generate` writes; commit it, never edit it

\b
Without any server:
  codegen lint        names, documentation, buf's rules
  codegen generate    Python from the contracts; the same bytes on every machine
  codegen check       is the generated code what the contracts say?
  codegen plan --offline   what changed since the lock, or since --against git:main; does it break anybody?
  codegen lock        record the contracts as versions that others may have
With a registry and Kafka:
  codegen plan        what publishing would do
  codegen publish     register the schemas, create the topics; a second run changes nothing
  codegen check --registry   is everything there as the contracts say?
  codegen diff        what changed between two versions, in words
  codegen pull        contracts from somebody's registry

\b
Exit codes: 0 done or nothing to do, 1 the contracts are wrong, 2 changes pending (plan, publish --dry-run),
3 a schema would break its readers or writers, 4 something is otherwise than the contracts say,
5 the registry or Kafka is unreachable or refuses access, 64 usage.
"""


class _Lazy(click.Group):
    """Loads the commands that talk to servers when they are asked for: their clients take a moment."""

    _LATER = ("check", "diff", "lock", "plan", "publish", "pull")

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted({*super().list_commands(ctx), *self._LATER})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in self._LATER:
            from codegen import commands  # noqa: PLC0415

            return commands.COMMANDS[cmd_name]
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Lazy, help=_HELP)
def cli() -> None:
    """The group; its help is above."""


def main() -> None:
    """Run the command and exit with its code."""
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
        print(f"codegen: {error}", file=sys.stderr)
        code = error.exit_code
    sys.exit(code)


@cli.command()
@CONTRACTS
@OUT
@PACKAGE
def generate(contracts: Path, out: Path | None, package: str | None) -> None:
    """Write the generated code, and contracts.lock beside the contracts. Offline; a second run changes nothing."""
    folder = out or contracts / "generated"
    found = tree.read(contracts)
    old = lock.load(contracts) if out is None else None
    files = generated_files(found, package_name(package, folder))
    changed = tree.replace(folder, files)
    # Code that goes elsewhere is not this folder's: the lock stays what it is.
    if out is None and lock.save(contracts, lock.current(old, wanted(found), files)):
        changed.append(f"{lock.FILE} differs")
    for change in changed:
        print(change)
    print(f"{len(files)} files in {folder}, {len(changed) or 'none'} changed")


@cli.command()
@CONTRACTS
@click.option("--fix", is_flag=True, help="Format the Protobuf files instead of complaining.")
def lint(contracts: Path, *, fix: bool) -> None:
    """Check names, documentation, promised widths and buf's STANDARD rules. Offline."""
    from codegen.lint import findings  # noqa: PLC0415 - the other commands do not need buf and yaml

    found = findings(tree.read(contracts), fix=fix)
    for line in found:
        print(line)
    if found:
        raise CodegenError(f"{len(found)} findings in {contracts}")
    print(f"{contracts}: no findings")


if __name__ == "__main__":
    main()
