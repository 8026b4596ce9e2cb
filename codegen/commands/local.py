"""The commands that need no server, or may do without: init, lint, generate, docs, lock, check."""

import json
import os
from pathlib import Path

import click

from codegen import tree
from codegen.commands import starter
from codegen.commands.check import local_drift, registry_drift
from codegen.commands.contracts import note, show
from codegen.commands.lint import LintFinding, findings, of_error
from codegen.commands.options import (
    CONTRACTS,
    KAFKA_CONFIG,
    OUT,
    PACKAGE,
    REGISTRY_HELP,
    kafka_properties,
    timeout_option,
)
from codegen.commands.steps import tell_findings, write_code, write_pages
from codegen.errors import CodegenError, ContractError, DriftError
from codegen.generate import generated_files
from codegen.output import output_of
from codegen.pages import site as pages
from codegen.plan import history, locked, offline
from codegen.plan import lock as locks
from codegen.plan.changes import exit_code
from codegen.plan.wanted import wanted as wanted_of
from codegen.remote.publish import NO_REASONS
from codegen.remote.publishing import open_publisher
from codegen.remote.registries import target


@click.command("init")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default=Path("contracts"))
@click.option("--name", default="shop", show_default=True, help="The project's name: one lower-case word.")
def init_command(*, folder: Path, name: str) -> None:
    """Make a new contracts FOLDER (default: contracts) that passes lint and generates.

    It holds one event with its topic, one gRPC service with rules on its request, and the address of a registry: change
    them into yours. Files that are there already are left alone, and nothing is written then.
    """
    for path in starter.write(folder, name):
        click.echo(path)
    at = "" if folder == Path("contracts") else f" --contracts {folder}"
    click.echo(f"now run: codegen generate{at}")


@click.command("lint")
@CONTRACTS
@click.option("--fix", is_flag=True, help="Format the Protobuf files instead of complaining.")
@click.option("--json", "as_json", is_flag=True, help="Print for machines: file, line, place, rule, problem.")
@click.pass_context
def lint_command(context: click.Context, *, contracts: Path, fix: bool, as_json: bool) -> None:
    """Check names, documentation, promised widths and buf's STANDARD rules. Offline.

    Exits 0 without findings and 1 with some.
    """
    try:
        found = findings(tree.read(contracts), fix=fix)
    except ContractError as error:
        if not as_json:
            raise
        found = [of_error(error)]
    if as_json:
        lines = [{name: getattr(one, name) for name in LintFinding.__slots__} for one in found]
        click.echo(json.dumps({"findings": lines, "exit_code": int(bool(found))}, indent=2, ensure_ascii=False))
        context.exit(int(bool(found)))
    tell_findings(found, contracts, click.echo)


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
            write_code(found, out, package, click.echo)
    else:
        write_code(tree.read(Path(source or contracts)), out, package, click.echo)


@click.command("docs")
@CONTRACTS
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="The folder of the pages; it holds nothing else.  [default: pages/ in the contracts' folder]",
)
def docs_command(*, contracts: Path, out: Path | None) -> None:
    """Write pages to browse: every topic, record, message and service. Offline; a second run changes nothing.

    They show fields, types, rules, units, owners and compatibility modes, and for each version what changed, in words.
    They are plain files: open index.html, or serve the folder.
    """
    write_pages(tree.read(contracts), out or contracts / pages.FOLDER, click.echo)


@click.command("lock")
@CONTRACTS
def lock_command(contracts: Path) -> None:
    """Record the contracts as they are as versions that others may have. Offline.

    Their texts go to history/, and every later version is compared with them. Publishing to a registry with a name does
    it by itself; without such a registry, do it when you release.
    """
    old = locks.load(contracts)
    wanted = wanted_of(tree.read(contracts))
    code = tree.files_of(output_of(contracts).folder)
    if old is None or any(locks.differences(old, locks.current(old, wanted, code))):
        raise CodegenError(f"{contracts / locks.FILE} is not what the contracts say; run: codegen generate")
    survey = offline.survey(wanted, history.all_of(contracts, old))
    if exit_code(survey.changes) == 3:
        show(survey.changes, 3, as_json=False)
        click.get_current_context().exit(3)
    recorded, lines = history.record(contracts, old, wanted, NO_REASONS)
    locks.save(contracts, recorded)
    for one in lines:
        print(one)
    print(f"{len(lines)} versions added" if lines else "nothing to add")


@click.command("check")
@CONTRACTS
@OUT
@PACKAGE
@click.option("--registry", metavar="NAME|URL", default=None, help=f"Look there as well. {REGISTRY_HELP}")
@click.option("--kafka", metavar="SERVERS", default=None, help="Kafka's brokers, host:port, by commas: topics as well.")
@KAFKA_CONFIG
@timeout_option(15.0)
def check_command(
    *,
    contracts: Path,
    out: Path | None,
    package: str | None,
    registry: str | None,
    kafka: str | None,
    kafka_config: Path | None,
    timeout_s: float,
) -> None:
    """Tell whether everything is as the contracts say; writes nothing, exits 4 when not.

    Offline it looks at the generated code, contracts.lock and history/; with --registry also at the registry, and with
    --kafka at the topics.
    """
    output = output_of(contracts, out, package)
    found = tree.read(contracts)
    files = generated_files(found, output.package)
    drift = local_drift(found, output.folder, files, with_lock=out is None)
    if registry is not None:
        where = target(contracts, registry, kafka)
        properties = kafka_properties(kafka_config, os.environ)
        with open_publisher(where.url, where.kafka, properties, os.environ, timeout_s=timeout_s, say=note) as publisher:
            survey = publisher.survey(wanted_of(found))
        drift += registry_drift(survey, where.name, locks.load(contracts))
    if drift:
        raise DriftError("\n  ".join(drift))
    print(f"{len(files)} files in {output.folder} are what the contracts say")
    if registry is not None:
        print("so are the registry" + (" and the topics" if where.kafka else ""))
