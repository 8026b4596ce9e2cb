"""The command ``docs``: pages to browse."""

from pathlib import Path

import click

from codegen import tree
from codegen.commands.options import CONTRACTS
from codegen.pages import site as pages
from codegen.plan import lock as locks
from codegen.tree import Contracts


@click.command("docs")
@CONTRACTS
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="The folder for the pages, and for nothing else.  [default: pages/ in the contracts' folder]",
)
def docs_command(*, contracts: Path, out: Path | None) -> None:
    """Write pages to browse: every topic, record, message and service. Offline; a second run changes nothing.

    They show fields, types, rules, units, owners and compatibility modes, and for each version what changed, in words.
    They are plain files: open index.html, or serve the folder.
    """
    write_pages(tree.read(contracts), out or contracts / pages.FOLDER)


def write_pages(found: Contracts, folder: Path) -> None:
    """Write the pages. Raises CodegenError."""
    made = pages.pages(found, locks.load(found.root))
    changed = tree.replace(folder, made)
    click.echo(f"{len(made)} pages in {folder}, {len(changed) or 'none'} changed")
