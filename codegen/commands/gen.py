"""``codegen gen``: lint, generate, docs and check as one, and at once when nothing changed since they last agreed."""

from pathlib import Path

import click

from codegen import settled
from codegen.commands.options import CONTRACTS
from codegen.output import output_of


@click.command("gen")
@CONTRACTS
def gen_command(*, contracts: Path) -> None:
    """Lint, generate, write the pages and check, offline. A second run changes nothing, and says so at once."""
    if settled.is_so(contracts):
        click.echo(settled.sentence(contracts))
        return
    # Compilers, buf and protobuf are loaded for real work only.
    from codegen import tree  # noqa: PLC0415
    from codegen.commands.docs import write_pages  # noqa: PLC0415
    from codegen.commands.generate import write_code  # noqa: PLC0415
    from codegen.commands.lint import all_findings, tell_findings  # noqa: PLC0415
    from codegen.drift import local_drift  # noqa: PLC0415
    from codegen.errors import DriftError  # noqa: PLC0415
    from codegen.pages import site as pages  # noqa: PLC0415

    tell_findings(all_findings(contracts), contracts)
    found = tree.read(contracts)
    files = write_code(found, None, None)
    write_pages(found, contracts / pages.FOLDER)
    if drift := local_drift(found, output_of(contracts).folder, files, with_lock=True):
        raise DriftError("\n  ".join(drift))
    settled.remember(contracts)
