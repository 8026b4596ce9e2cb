"""The command ``publish``: register the schemas, create the topics."""

import os
from collections.abc import Mapping
from pathlib import Path

import click
from msgspec.structs import replace

from codegen import tree
from codegen.commands import options
from codegen.commands.printing import tell_of_topics
from codegen.errors import CodegenError
from codegen.plan import file as plan_file
from codegen.plan import history
from codegen.plan import lock as locks
from codegen.plan.terms import Found, Wanted
from codegen.plan.wanted import wanted as wanted_of
from codegen.plan.was import NOTHING
from codegen.remote.publish import Publisher
from codegen.remote.publishing import open_publisher
from codegen.remote.registries import Target, target


@click.command("publish")
@click.argument("plan_path", metavar="[PLAN]", required=False, type=click.Path(path_type=Path, dir_okay=False))
@options.CONTRACTS
@click.option(
    "--registry",
    metavar="NAME|URL",
    default=None,
    help=f"Without a PLAN: plan and publish at once. {options.REGISTRY_HELP}",
)
@options.KAFKA
@options.KAFKA_CONFIG
@options.timeout_option(60.0)
@click.option("--dry-run", is_flag=True, help="Only show what would be done; exit 2 if there is anything.")
@click.option("--allow-breaking", multiple=True, metavar="SUBJECT", help="Register a breaking version of it.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the lock.")
@options.PRUNE_PREFIX
@click.option("--yes", is_flag=True, help="Carry out deletions; without it they are only listed.")
@click.pass_context
def publish_command(
    context: click.Context,
    *,
    plan_path: Path | None,
    contracts: Path,
    registry: str | None,
    kafka: str | None,
    kafka_config: Path | None,
    timeout_s: float,
    allow_breaking: tuple[str, ...],
    reason: str,
    dry_run: bool,
    prune_prefix: str,
    yes: bool,
) -> None:
    """Register the schemas and create the topics that a PLAN names, or those of the contracts as they are now.

    What is already right is left alone, so a second run does nothing, and the next run completes one that was killed. A
    PLAN is carried out exactly, or not at all if something has changed since it was made. Breaking versions are
    refused. A topic with another number of partitions is refused; a topic's configuration is set back to the contract.
    A PLAN that deletes needs --yes; with --prune-prefix as well it may delete within that prefix only.

    Exits 0 when everything matches the contracts, 2 when --dry-run found something to do, 3 for a breaking schema, 4
    when something has changed since the PLAN was made, 5 when the registry or Kafka cannot be asked.
    """
    if (plan_path is None) == (registry is None):
        raise click.UsageError("give either a PLAN, made by codegen plan --out, or --registry")
    if plan_path is not None and (kafka or dry_run):
        raise click.UsageError("--kafka and --dry-run go with --registry; a PLAN has its own Kafka")
    if bool(allow_breaking) != bool(reason.strip()):
        raise click.UsageError("--allow-breaking and --reason go together: say why")
    allowed = dict.fromkeys(allow_breaking, reason.strip())
    if plan_path is not None:
        planned = _load_plan(plan_path, prune_prefix, yes=yes)
        where, wanted = Target(planned.registry_name, planned.registry, planned.kafka), planned.wanted
    else:
        if prune_prefix and not (yes or dry_run):
            raise click.UsageError("--prune-prefix deletes: give --yes as well, or --dry-run to see what it would be")
        planned, where, wanted = None, target(contracts, registry or "", kafka), wanted_of(tree.read(contracts))
    unknown = [name for name in allowed if name not in {subject.subject for subject in wanted.subjects}]
    if unknown:
        raise CodegenError(f"--allow-breaking {unknown[0]}: the contracts have no such subject")
    remembered = history.was(contracts, locks.load(contracts)) if planned is None else NOTHING
    with open_publisher(
        where, kafka_config, os.environ, timeout_s=timeout_s, say=_say, remembered=remembered
    ) as publisher:
        if planned is not None:
            outcome = publisher.apply(planned, allowed=allowed)
        else:
            tell_of_topics(wanted, where)
            outcome = publisher.publish(wanted, dry_run=dry_run, allowed=allowed, prune_prefix=prune_prefix)
        if dry_run:
            print(f"{outcome.pending} changes pending" if outcome.pending else "nothing to do")
            context.exit(2 if outcome.pending else 0)
        if where.name:
            _remember(contracts, where, wanted, publisher, allowed)
    print(f"{outcome.pending} changes made and verified" if outcome.pending else "nothing to do")


def _load_plan(path: Path, prune_prefix: str, *, yes: bool) -> plan_file.PlanFile:
    """Return a plan whose deletions are wanted. Raises CodegenError."""
    planned = plan_file.load(path)
    if planned.opinions.unwanted and not yes:
        raise CodegenError(f"the plan deletes {', '.join(planned.opinions.unwanted)}; give --yes to confirm")
    beyond = [name for name in planned.opinions.unwanted if not name.startswith(prune_prefix)]
    if beyond:
        raise CodegenError(
            f"the plan deletes {', '.join(beyond)}, which --prune-prefix {prune_prefix} does not cover: make it again"
        )
    return planned


def _remember(contracts: Path, where: Target, wanted: Wanted, publisher: Publisher, allowed: Mapping[str, str]) -> None:
    """Write into lock and history what a registry with a name has now."""
    old = locks.load(contracts)
    if old is None:
        print(f"{contracts / locks.FILE} is missing, so nothing is recorded; run: codegen generate")
        return
    recorded, lines = history.record(contracts, old, wanted, allowed)
    due = places(publisher.found(wanted), recorded)
    registries = {**recorded.registries, where.name: {**recorded.registries.get(where.name, {}), **due}}
    if locks.save(contracts, replace(recorded, registries=registries)):
        lines.append(f"{contracts / locks.FILE} updated")
    for one in lines:
        print(one)


def places(found: Found, lock: locks.Lock) -> dict[str, locks.Place]:
    """Return where a registry has the lock's subjects."""
    return {
        name: locks.Place(subject.matching_version, subject.schema_id)
        for name, subject in found.subjects.items()
        if name in lock.subjects and subject.matching_version is not None and subject.schema_id is not None
    }


def _say(text: str) -> None:
    print(text, flush=True)
