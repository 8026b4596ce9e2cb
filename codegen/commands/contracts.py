"""The commands that compare with a registry, with the lock and with git: plan and publish."""

import json
import os
import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import click
import msgspec

from codegen import tree
from codegen.commands.options import CONTRACTS, KAFKA_CONFIG, REGISTRY_HELP, kafka_properties, timeout_option
from codegen.errors import CodegenError, UnreachableError
from codegen.plan import file as plan_file
from codegen.plan import history, offline
from codegen.plan import lock as locks
from codegen.plan.changes import exit_code, line, pending
from codegen.plan.terms import Change, Found, Kind, Wanted
from codegen.plan.wanted import wanted as wanted_of
from codegen.remote.capabilities import Capabilities
from codegen.remote.publish import Publisher
from codegen.remote.publishing import open_publisher
from codegen.remote.registries import Target, target
from codegen.remote.surveyor import Survey
from tally.base.written_file import STANDARD_OUTPUT
from tally.registry.access import split_userinfo

_COLOURS: Final = {
    Kind.CREATE: "green",
    Kind.UPDATE: "yellow",
    Kind.DOCS: "cyan",
    Kind.CONFIG: "yellow",
    Kind.DELETE: "red",
    Kind.DRIFT: "magenta",
    Kind.NOOP: None,
}


@click.command("plan")
@CONTRACTS
@click.option("--registry", metavar="NAME|URL", default=None, help=REGISTRY_HELP)
@click.option("--kafka", metavar="SERVERS", default=None, help="Kafka's brokers, host:port, by commas: topics as well.")
@KAFKA_CONFIG
@timeout_option(15.0)
@click.option("--against", metavar="lock|git:REF", default=None, help="Versions that must stay compatible as well.")
@click.option("--offline", "no_registry", is_flag=True, help="Ask no registry: compare with --against (default lock).")
@click.option("--prune-prefix", default="", metavar="PREFIX", help="Delete subjects of this prefix no contract wants.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the plan for publish; - is standard output.")
@click.option("--json", "as_json", is_flag=True, help="Print for machines.")
@click.pass_context
def plan_command(
    context: click.Context,
    *,
    contracts: Path,
    registry: str | None,
    kafka: str | None,
    kafka_config: Path | None,
    timeout_s: float,
    against: str | None,
    prune_prefix: str,
    out: Path | None,
    no_registry: bool,
    as_json: bool,
) -> None:
    """Tell what publishing would do, a line a change; changes nothing.

    Exits 0 when there is nothing to do, 2 when changes are pending, 3 when one is breaking, 4 when something was
    changed behind the contracts' back, 5 when the registry or Kafka cannot be asked.
    """
    if no_registry == (registry is not None):
        raise click.UsageError("give either --registry or --offline")
    if no_registry and (out or prune_prefix or kafka):
        raise click.UsageError("--out, --prune-prefix and --kafka need --registry")
    try:
        wanted = wanted_of(tree.read(contracts))
        where = target(contracts, registry, kafka) if registry is not None else None
        if where is None:
            survey = offline.survey(wanted, offline.versions_against(contracts, against or "lock"))
        else:
            versions = offline.versions_against(contracts, against) if against else {}
            properties = kafka_properties(kafka_config, os.environ)
            with open_publisher(
                where.url, where.kafka, properties, os.environ, timeout_s=timeout_s, say=note, against=versions
            ) as publisher:
                survey = publisher.survey(wanted, prune_prefix)
            tell_of_topics(wanted, where)
            if out is not None:
                _save(out, where, survey)
    except CodegenError as error:
        if not as_json:
            raise
        _show_error(error)
        context.exit(error.exit_code)
    code = exit_code(survey.changes)
    about = Registry(split_userinfo(where.url)[0], survey.registry) if where else None
    with redirect_stdout(sys.stderr if out == STANDARD_OUTPUT else sys.stdout):
        show(survey.changes, code, as_json=as_json, about=about)
    context.exit(code)


def _show_error(error: CodegenError) -> None:
    """Print for machines why there is no plan: it must never look like one with nothing to do."""
    kind = error.kind if isinstance(error, UnreachableError) else "contracts" if error.exit_code == 1 else "drift"
    document = {"error": {"kind": kind, "message": str(error)}, "changes": None, "exit_code": error.exit_code}
    print(json.dumps(document, indent=2, ensure_ascii=False))


class Registry(NamedTuple):
    """The registry that a plan is for: its address without credentials, and what it can do."""

    url: str
    can: Capabilities

    def line(self) -> str:
        """Return it as a line for a person."""
        told = "; ".join(f"{kind}: {', '.join(names)}" for kind, names in self.can.told().items() if names)
        return f"registry {self.url}, {told}"


def show(changes: tuple[Change, ...], code: int, *, as_json: bool, about: Registry | None = None) -> None:
    """Print a plan: a line about the registry, one a change, in colours on a terminal; or JSON."""
    if as_json:
        lines = msgspec.to_builtins(plan_file.lines_of(changes))
        registry = {"url": about.url, **about.can.told()} if about else None
        document = {"registry": registry, "changes": lines, "exit_code": code}
        print(json.dumps(document, indent=2, ensure_ascii=False))
        return
    if about is not None:
        click.echo(click.style(about.line(), dim=True))
    for change in changes:
        colour = _COLOURS[change.kind]
        head, *rest = line(change).split("\n")
        click.echo(click.style(head, fg=colour, dim=colour is None))
        for objection in rest:
            click.echo(click.style(objection, fg="red"))
    summary = {0: "nothing to do", 2: "changes pending", 3: "breaking changes; nothing will be published", 4: "drift"}
    print(summary[code] if code != 2 else f"{len(pending(changes))} {summary[2]}")


def _save(out: Path, where: Target, survey: Survey) -> None:
    url, _ = split_userinfo(where.url)
    opinions = survey.opinions
    planned = plan_file.PlanFile(
        url, where.name, where.kafka, survey.wanted, survey.found, opinions.objections, opinions.unwanted
    )
    plan_file.save(out, replace(planned, changes=plan_file.lines_of(survey.changes)))


@click.command("publish")
@click.argument("plan_path", metavar="[PLAN]", required=False, type=click.Path(path_type=Path, dir_okay=False))
@CONTRACTS
@click.option(
    "--registry", metavar="NAME|URL", default=None, help=f"Without a PLAN: plan and publish at once. {REGISTRY_HELP}"
)
@click.option("--kafka", metavar="SERVERS", default=None, help="Kafka's brokers, host:port, by commas.")
@KAFKA_CONFIG
@timeout_option(60.0)
@click.option("--dry-run", is_flag=True, help="Only show what would be done; exit 2 if there is anything.")
@click.option("--allow-breaking", multiple=True, metavar="SUBJECT", help="Register a breaking version of it.")
@click.option("--reason", default="", metavar="TEXT", help="Why; kept in the lock.")
@click.option("--prune-prefix", default="", metavar="PREFIX", help="Delete subjects of this prefix no contract wants.")
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
    """Register the schemas and create the topics, as a PLAN says or as the contracts say now.

    What is there and right is left alone, so a second run does nothing, and a run that was killed is completed by the
    next one. A PLAN is carried out exactly, or not at all when something changed since it was made. Breaking versions
    are refused. A topic with another number of partitions is refused; a topic's configuration is set back to the
    contract. A PLAN that deletes needs --yes; with --prune-prefix as well it may delete within that prefix only.

    Exits 0 when all is as the contracts say, 2 when --dry-run found something to do, 3 for a breaking schema, 4 when
    somebody changed something since the PLAN, 5 when the registry or Kafka cannot be asked.
    """
    if (plan_path is None) == (registry is None):
        raise click.UsageError("give either a PLAN, made by codegen plan --out, or --registry")
    if plan_path is not None and (kafka or dry_run):
        raise click.UsageError("--kafka and --dry-run go with --registry; a PLAN has its own Kafka")
    if bool(allow_breaking) != bool(reason.strip()):
        raise click.UsageError("--allow-breaking and --reason go together: say why")
    properties = kafka_properties(kafka_config, os.environ)
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
    with open_publisher(where.url, where.kafka, properties, os.environ, timeout_s=timeout_s, say=_say) as publisher:
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
    if planned.unwanted and not yes:
        raise CodegenError(f"the plan deletes {', '.join(planned.unwanted)}; give --yes to confirm")
    beyond = [name for name in planned.unwanted if not name.startswith(prune_prefix)]
    if beyond:
        raise CodegenError(f"the plan deletes {', '.join(beyond)}, beyond --prune-prefix {prune_prefix}: make it again")
    return planned


def _remember(contracts: Path, where: Target, wanted: Wanted, publisher: Publisher, allowed: Mapping[str, str]) -> None:
    """Write into lock and history what a registry with a name has now."""
    old = locks.load(contracts)
    if old is None:
        print(f"{contracts / locks.FILE} is not there, so nothing is recorded; run: codegen generate")
        return
    recorded, lines = history.record(contracts, old, wanted, allowed)
    due = places(publisher.found(wanted), recorded)
    registries = {**recorded.registries, where.name: {**recorded.registries.get(where.name, {}), **due}}
    if locks.save(contracts, locks.Lock(recorded.subjects, registries, recorded.tools, recorded.tree)):
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


def tell_of_topics(wanted: Wanted, where: Target) -> None:
    """Say that topics are not looked at."""
    if wanted.topics and not where.kafka:
        note(f"the {len(wanted.topics)} topics are left alone; give --kafka to look at them as well")


def _say(text: str) -> None:
    print(text, flush=True)


def note(text: str) -> None:
    """Print beside the result."""
    click.echo(text, err=True)
