"""The command ``pull``: contracts from somebody's registry."""

import os
from pathlib import Path

import click

from codegen.commands.options import CONTRACTS, REGISTRY_HELP, timeout_option
from codegen.remote import pull as pulling
from codegen.remote.publishing import open_registry
from codegen.remote.registries import target


@click.command("pull")
@CONTRACTS
@click.option("--registry", metavar="NAME|URL", required=True, help=REGISTRY_HELP)
@click.option(
    "--subject",
    "patterns",
    metavar="PATTERN[@VERSION]",
    required=True,
    multiple=True,
    help="orders.*@3, or *; in a context: :.staging:*",
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The new contracts' folder."
)
@timeout_option(15.0)
def pull_command(*, contracts: Path, registry: str, patterns: tuple[str, ...], out: Path, timeout_s: float) -> None:
    """Fetch schemas from a registry into a folder, with all they import.

    Then `codegen generate --contracts DIR` makes code of them: a registry's address is all that it takes to decode.
    """
    with open_registry(target(contracts, registry).url, os.environ, timeout_s=timeout_s) as http:
        files = [file for pattern in patterns for file in pulling.pull(http, pattern)]
    lines = pulling.write(out, files)
    for line in lines:
        print(line)
    print(f"{len(lines)} files; now run: codegen generate --contracts {out}" if lines else "nothing new")
