"""The command ``pull``: contracts from somebody's registry."""

import os
from collections.abc import Mapping
from pathlib import Path

import click

from codegen.commands.options import CONTRACTS, REGISTRY_HELP, timeout_option
from codegen.errors import CodegenError
from codegen.remote import pulled_folder, registered
from codegen.remote.publishing import open_registry
from codegen.remote.pull import take
from codegen.remote.pulled_before import before, gone
from codegen.remote.registries import target


@click.command("pull")
@CONTRACTS
@click.option("--registry", metavar="NAME|URL", required=True, help=REGISTRY_HELP)
@click.option(
    "--subject",
    "patterns",
    metavar="PATTERN[@VERSION]",
    default=("*",),
    show_default=True,
    multiple=True,
    help="orders.*@3, or *; in a context: :.staging:*",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="The new contracts' folder.  [default: that of --contracts]",
)
@click.option("--overwrite", is_flag=True, help="Replace files and entries of codegen.yaml that were changed here.")
@timeout_option(15.0)
def pull_command(
    *, contracts: Path, registry: str, patterns: tuple[str, ...], out: Path | None, overwrite: bool, timeout_s: float
) -> None:
    """Fetch schemas from a registry into a folder, as they are there: all versions, references, levels.

    codegen.yaml says which file stands under which subject, so that `codegen plan` against the same registry has
    nothing to do. What codegen cannot take is listed at the end with the reason, and the rest is fetched: exit 1 then.

    Into a folder that holds contracts of this registry, new versions and subjects come, and nothing else changes. A
    file that was changed there is never written over without --overwrite. Subjects that the registry does not have
    are listed, and their files stay.

    Then `codegen generate --contracts DIR` makes code of them: a registry's address is all that it takes to decode.
    """
    where, folder = target(contracts, registry), out or contracts
    there = before(folder)
    with open_registry(where.url, os.environ, timeout_s=timeout_s) as http:
        held = registered.read(http, registered.matching(http, patterns))
    taken = take(held, there.files)
    if not taken.newest:
        raise CodegenError(_refusals(taken.refused) or f"{where.url} holds nothing but what comes with packages")
    written = pulled_folder.write(there, held, taken, where.name, overwrite=overwrite)
    for line in written.lines:
        print(line)
    print(f"{folder / 'history'}: {written.versions} versions of {len(taken.newest)} subjects")
    for subject in gone(there, held, patterns):
        print(f"{folder / there.files[subject]}: stays, though {where.url} has no subject {subject}")
    print(f"now run: codegen generate --contracts {folder}" if written.lines else "nothing new")
    if written.refused:
        raise CodegenError(_refusals(written.refused))


def _refusals(refused: Mapping[str, str]) -> str:
    return (
        "\n  ".join(["not taken:", *(f"{subject}: {reason}" for subject, reason in refused.items())]) if refused else ""
    )
