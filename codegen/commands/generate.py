"""The command ``generate``: typed Python from the contracts."""

from pathlib import Path

import click

from codegen import tree
from codegen.commands.options import CONTRACTS, OUT, PACKAGE
from codegen.generate import generated_files, trials
from codegen.import_test import require_works
from codegen.output import output_of
from codegen.plan import lock as locks
from codegen.plan import locked
from codegen.plan.wanted import wanted as wanted_of
from codegen.tree import Contracts


@click.command("generate")
@CONTRACTS
@click.option(
    "--from",
    "source",
    metavar="DIR|lock",
    default=None,
    help="Another folder of contracts, or lock: the newest locked versions, from history/. Needs --out.",
)
@OUT
@PACKAGE
def generate_command(*, contracts: Path, source: str | None, out: Path | None, package: str | None) -> None:
    """Write the generated code, and contracts.lock beside the contracts. Offline; a second run changes nothing.

    Code that changed is imported before it is written: what does not import never replaces what does.
    """
    if source is not None and out is None:
        raise click.UsageError("--from needs --out: the code beside the contracts is theirs as they are now")
    if source == "lock":
        with locked.contracts(contracts) as found:
            write_code(found, out, package)
    else:
        write_code(tree.read(Path(source or contracts)), out, package)


def write_code(found: Contracts, out: Path | None, package: str | None) -> dict[str, str]:
    """Generate, import, write; return the files. Raises CodegenError."""
    output = output_of(found.root, out, package)
    folder = output.folder
    files = generated_files(found, output.package)
    if tree.differences(files, tree.files_of(folder)):
        require_works(files, output.package, trials(found))
    changed = tree.replace(folder, files)
    # Code that goes elsewhere is not this folder's: the lock stays what it is.
    if out is None and locks.save(found.root, locks.current(locks.load(found.root), wanted_of(found), files)):
        changed.append(f"{locks.FILE} differs")
    for change in changed:
        click.echo(change)
    click.echo(f"{len(files)} files in {folder}, {len(changed) or 'none'} changed")
    return files
