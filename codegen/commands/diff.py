"""The command ``diff``: what changed between two versions, in words."""

import os
import re
from collections.abc import Sequence
from pathlib import Path

import click

from codegen import tree
from codegen.commands.options import CONTRACTS, REGISTRY_HELP, timeout_option
from codegen.errors import CodegenError
from codegen.plan import history, version_words
from codegen.plan import lock as locks
from codegen.plan.judge import OldVersion
from codegen.plan.terms import import_path
from codegen.plan.wanted import wanted as wanted_of
from codegen.remote import registry_admin
from codegen.remote.publishing import open_registry
from codegen.remote.registries import target

_RANGE = re.compile(r"(v\d+)\.\.(v\d+|now)")


@click.command("diff")
@click.argument("subject")
@click.argument("versions", metavar="v1..v2")
@CONTRACTS
@click.option("--registry", metavar="NAME|URL", default=None, help=f"Look there, not in history/. {REGISTRY_HELP}")
@timeout_option(15.0)
def diff_command(*, subject: str, versions: str, contracts: Path, registry: str | None, timeout_s: float) -> None:
    """Tell in words what changed in SUBJECT between two versions, and who can read whom.

    v1..now compares with the contracts as they are. Offline the versions are those of history/.
    """
    asked = _RANGE.fullmatch(versions)
    if asked is None:
        raise click.UsageError(f"{versions!r} is not a range of versions; give v1..v2 or v1..now, for example")
    if registry is None:
        lock = locks.load(contracts)
        known = history.versions_of(contracts, lock, subject) if lock is not None else ()
        locked = lock.subjects.get(subject) if lock is not None else None
        kind, name = (locked.type, locked.import_path(subject)) if locked is not None else ("", "")
    else:
        with open_registry(target(contracts, registry).url, os.environ, timeout_s=timeout_s) as http:
            numbers = registry_admin.versions(http, subject)
            known = registry_admin.read_history(http, subject, numbers)
            kind = registry_admin.kind_of(http, subject, str(numbers[-1])) if numbers else ""
            name = import_path(subject)
    old, new = (_version(contracts, subject, known, name) for name in asked.groups())
    for line in version_words.between(kind, name, old, new):
        print(line)


def _version(contracts: Path, subject: str, known: Sequence[OldVersion], name: str) -> OldVersion:
    if name == "now":
        for wanted in wanted_of(tree.read(contracts)).subjects:
            if wanted.subject == subject:
                return OldVersion("now", wanted.text, wanted.imports)
    for version in known:
        if version.name == name:
            return version
    names = ", ".join(version.name for version in known) or "none"
    raise CodegenError(f"{subject} has no version {name}; there are {names}")
