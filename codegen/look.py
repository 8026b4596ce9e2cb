"""The commands that look at versions: diff and pull."""

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from codegen import avro_diff, avro_parse, history, proto_compat, proto_diff, proto_stubs, registry_admin, tree
from codegen import lock as locks
from codegen import pull as pulling
from codegen.avro_resolve import READER, WRITER, obstacles
from codegen.errors import CodegenError
from codegen.judge import OldVersion
from codegen.options import CONTRACTS, REGISTRY_HELP, timeout_option
from codegen.publishing import open_registry
from codegen.registries import target
from codegen.wanted import wanted as wanted_of

_RANGE = re.compile(r"(v\d+)\.\.(v\d+|now)")


@click.command()
@click.argument("subject")
@click.argument("versions", metavar="v1..v2")
@CONTRACTS
@click.option("--registry", metavar="NAME|URL", default=None, help=f"Look there, not in history/. {REGISTRY_HELP}")
@timeout_option(15.0)
def diff(*, subject: str, versions: str, contracts: Path, registry: str | None, timeout_s: float) -> None:
    """Tell in words what changed in SUBJECT between two versions, and who can read whom.

    v1..now compares with the contracts as they are. Offline the versions are those of history/.
    """
    asked = _RANGE.fullmatch(versions)
    if asked is None:
        raise click.UsageError(f"{versions!r} are no versions; give for example v1..v2, or v1..now")
    if registry is None:
        lock = locks.load(contracts)
        known = history.versions_of(contracts, lock, subject) if lock is not None else ()
        kind: str = lock.subjects[subject].type if lock is not None and subject in lock.subjects else ""
    else:
        with open_registry(target(contracts, registry).url, os.environ, timeout_s=timeout_s) as http:
            numbers = registry_admin.versions(http, subject)
            known = registry_admin.read_history(http, subject, numbers)
            kind = registry_admin.kind_of(http, subject, str(numbers[-1])) if numbers else ""
    old, new = (_version(contracts, subject, known, name) for name in asked.groups())
    lines = list(_avro(old, new) if kind == "AVRO" else _protobuf(subject, old, new))
    for line in lines:
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


def _avro(old: OldVersion, new: OldVersion) -> Iterator[str]:
    before, after = avro_parse.parse(old.name, old.text), avro_parse.parse(new.name, new.text)
    found = list(avro_diff.words(before, after))
    yield from found or [f"{old.name} and {new.name} say the same"]
    for reader_name, reader, writer_name, writer in (
        (new.name, after, old.name, before),
        (old.name, before, new.name, after),
    ):
        against = obstacles(writer, reader)
        if not against:
            yield f"consumers on {reader_name} can read {writer_name}"
        for obstacle in against:
            reason = obstacle.reason.replace(WRITER, writer_name).replace(READER, reader_name)
            yield f"consumers on {reader_name} cannot read {writer_name}: {reason}"


def _protobuf(subject: str, old: OldVersion, new: OldVersion) -> Iterator[str]:
    before, after = (
        proto_stubs.descriptors_of({**dict(one.imports), subject: one.text}, subject) for one in (old, new)
    )
    yield from list(proto_diff.words(subject, before, after)) or [f"{old.name} and {new.name} say the same"]
    found = proto_compat.findings(subject, old.name, before, new.name, after)
    yield from [f.sentence for f in found] or [f"{old.name} and {new.name} understand each other"]


@click.command()
@CONTRACTS
@click.option("--registry", metavar="NAME|URL", required=True, help=REGISTRY_HELP)
@click.option(
    "--subject", "patterns", metavar="PATTERN[@VERSION]", required=True, multiple=True, help="orders.*@3, or *"
)
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), required=True, help="The new contracts' folder."
)
@timeout_option(15.0)
def pull(*, contracts: Path, registry: str, patterns: tuple[str, ...], out: Path, timeout_s: float) -> None:
    """Fetch schemas from a registry into a folder, with all they import.

    Then `codegen generate --contracts DIR` makes code of them: a registry's address is all that it takes to decode.
    """
    with open_registry(target(contracts, registry).url, os.environ, timeout_s=timeout_s) as http:
        files = [file for pattern in patterns for file in pulling.pull(http, pattern)]
    lines = pulling.write(out, files)
    for line in lines:
        print(line)
    print(f"{len(lines)} files; now run: codegen generate --contracts {out}" if lines else "nothing new")
