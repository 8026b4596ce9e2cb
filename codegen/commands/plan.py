"""The command ``plan``: what publishing would do."""

import json
import os
import sys
from contextlib import redirect_stdout
from dataclasses import replace
from pathlib import Path

import click

from codegen import tree
from codegen.commands import findings, options
from codegen.commands.printing import Registry, note, show, tell_of_topics
from codegen.errors import CodegenError, UnreachableError
from codegen.plan import file as plan_file
from codegen.plan import offline
from codegen.plan.changes import exit_code
from codegen.plan.wanted import wanted as wanted_of
from codegen.remote.publishing import open_publisher
from codegen.remote.registries import Target, target
from codegen.remote.surveyor import Survey
from tally.base.written_file import STANDARD_OUTPUT
from tally.registry.access import split_userinfo


@click.command("plan")
@options.CONTRACTS
@click.option("--registry", metavar="NAME|URL", default=None, help=options.REGISTRY_HELP)
@options.KAFKA
@options.KAFKA_CONFIG
@options.timeout_option(15.0)
@click.option("--against", metavar="lock|git:REF", default=None, help="Versions that must stay compatible as well.")
@click.option("--offline", "no_registry", is_flag=True, help="Ask no registry: compare with --against (default lock).")
@options.PRUNE_PREFIX
@click.option("--out", type=click.Path(path_type=Path), help="Write the plan for publish; - is standard output.")
@findings.format_options
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
    form: str,
) -> None:
    """Tell what publishing would do, a line a change; changes nothing.

    Exits 0 when there is nothing to do, 2 when changes are pending, 3 when one is breaking, 4 when something was
    changed elsewhere than in the contracts, 5 when the registry or Kafka cannot be asked.
    """
    if no_registry == (registry is not None):
        raise click.UsageError("give either --registry or --offline")
    if no_registry and (out or prune_prefix or kafka):
        raise click.UsageError("--out, --prune-prefix and --kafka need --registry")
    try:
        wanted = wanted_of(tree.read(contracts))
        where = target(contracts, registry, kafka) if registry is not None else None
        if where is None:
            survey = offline.survey(wanted, offline.what_was(contracts, against or "lock"))
        else:
            was, remembered = offline.what_was(contracts, against), offline.what_was(contracts, "lock")
            with open_publisher(
                where, kafka_config, os.environ, timeout_s=timeout_s, say=note, remembered=remembered, against=was
            ) as publisher:
                survey = publisher.survey(wanted, prune_prefix or None)
            tell_of_topics(wanted, where)
            if out is not None:
                _save(out, where, survey)
    except CodegenError as error:
        if form == "text":
            raise
        if form == "json":
            _show_error(error)
        else:
            findings.write(findings.of_error(error), form, contracts, error.exit_code)
        context.exit(error.exit_code)
    code = exit_code(survey.changes)
    about = Registry(split_userinfo(where.url)[0], survey.registry) if where else None
    with redirect_stdout(sys.stderr if out == STANDARD_OUTPUT else sys.stdout):
        if form in {"github", "sarif"}:
            findings.write(findings.of_changes(survey.changes, survey.wanted), form, contracts, code)
        else:
            show(survey.changes, code, as_json=form == "json", about=about)
    context.exit(code)


def _show_error(error: CodegenError) -> None:
    """Print for machines why there is no plan: it must never look like one with nothing to do."""
    kind = error.kind if isinstance(error, UnreachableError) else "contracts" if error.exit_code == 1 else "drift"
    document = {"error": {"kind": kind, "message": str(error)}, "changes": None, "exit_code": error.exit_code}
    print(json.dumps(document, indent=2, ensure_ascii=False))


def _save(out: Path, where: Target, survey: Survey) -> None:
    url, _ = split_userinfo(where.url)
    planned = plan_file.PlanFile(url, where.name, where.kafka, survey.wanted, survey.found, survey.opinions)
    plan_file.save(out, replace(planned, changes=plan_file.lines_of(survey.changes)))
