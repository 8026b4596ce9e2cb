"""The command ``lint``: rules that contracts keep beyond being valid."""

import json
from pathlib import Path
from typing import Final

import click

from codegen import tree
from codegen.commands.options import CONTRACTS
from codegen.errors import CodegenError, ContractError
from codegen.lint import findings

_SHOWN: Final = ("file", "line", "place", "rule", "problem")


@click.command("lint")
@CONTRACTS
@click.option("--fix", is_flag=True, help="Format the Protobuf files instead of complaining.")
@click.option("--json", "as_json", is_flag=True, help="Print for machines: file, line, place, rule, problem.")
@click.pass_context
def lint_command(context: click.Context, *, contracts: Path, fix: bool, as_json: bool) -> None:
    """Check names, documentation, promised widths and buf's STANDARD rules. Offline.

    Exits 0 without findings and 1 with some.
    """
    try:
        found = findings(tree.read(contracts), fix=fix)
    except ContractError as error:
        if not as_json:
            raise
        found = [error]
    if as_json:
        lines = [{name: getattr(one, name) for name in _SHOWN} for one in found]
        click.echo(json.dumps({"findings": lines, "exit_code": int(bool(found))}, indent=2, ensure_ascii=False))
        context.exit(int(bool(found)))
    tell_findings(found, contracts)


def tell_findings(found: list[ContractError], contracts: Path) -> None:
    """Print findings. Raises CodegenError when there are any."""
    for one in found:
        click.echo(str(one))
    if found:
        raise CodegenError(f"{len(found)} findings in {contracts}")
    click.echo(f"{contracts}: no findings")
