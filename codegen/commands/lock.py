"""The command ``lock``: the contracts as they are now, recorded as released versions."""

from pathlib import Path

import click

from codegen import tree
from codegen.commands.options import CONTRACTS
from codegen.commands.printing import show
from codegen.errors import CodegenError
from codegen.output import output_of
from codegen.plan import history, offline
from codegen.plan import lock as locks
from codegen.plan.changes import exit_code
from codegen.plan.wanted import wanted as wanted_of
from codegen.remote.publish import NO_REASONS


@click.command("lock")
@CONTRACTS
def lock_command(contracts: Path) -> None:
    """Record the contracts as they are now as released versions. Offline.

    Their texts go to history/, and every later version is compared with them. Publishing to a registry with a
    name records them by itself; without such a registry, run this when you release.
    """
    old = locks.load(contracts)
    wanted = wanted_of(tree.read(contracts))
    code = tree.files_of(output_of(contracts).folder)
    if old is None or any(locks.differences(old, locks.current(old, wanted, code))):
        raise CodegenError(f"{contracts / locks.FILE} does not match the contracts; run: codegen generate")
    survey = offline.survey(wanted, history.was(contracts, old))
    if exit_code(survey.changes) == 3:
        show(survey.changes, 3, as_json=False)
        click.get_current_context().exit(3)
    recorded, lines = history.record(contracts, old, wanted, NO_REASONS)
    locks.save(contracts, recorded)
    for one in lines:
        print(one)
    print(f"{len(lines)} versions added" if lines else "nothing to add")
