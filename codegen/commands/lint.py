"""The command ``lint``: rules that contracts keep beyond being valid."""

from pathlib import Path

import click

from codegen import tree
from codegen.commands.findings import format_options, write
from codegen.commands.options import CONTRACTS
from codegen.errors import CodegenError, ContractError
from codegen.lint import findings


@click.command("lint")
@CONTRACTS
@click.option("--fix", is_flag=True, help="Format the Protobuf files instead of complaining.")
@format_options
@click.pass_context
def lint_command(context: click.Context, *, contracts: Path, fix: bool, form: str) -> None:
    """Check everything at once: broken files, buf's rules and format, and the Avro rules that codegen.yaml chooses.

    \b
    lint:
      avro: [names, docs, widths, logical-types]

    Offline. Exits 0 without findings, or with notes only, and 1 with some.
    """
    found = all_findings(contracts, fix=fix)
    if form != "text":
        code = int(bool(errors_of(found)))
        write(found, form, contracts, code)
        context.exit(code)
    tell_findings(found, contracts)


def all_findings(contracts: Path, *, fix: bool = False) -> list[ContractError]:
    """Return what is wrong with the files of a folder, and what breaks the rules of those that can be read."""
    read, broken = tree.read_all(contracts)
    try:
        return broken + findings(read, fix=fix)
    except ContractError as error:
        return [*broken, error]


def errors_of(found: list[ContractError]) -> list[ContractError]:
    """Return the findings that are no notes."""
    return [one for one in found if one.severity == "error"]


def tell_findings(found: list[ContractError], contracts: Path) -> None:
    """Print findings. Raises CodegenError when there are any but notes."""
    for one in found:
        click.echo(str(one))
    if errors := errors_of(found):
        raise CodegenError(f"{len(errors)} findings in {contracts}")
    click.echo(f"{contracts}: no findings")
