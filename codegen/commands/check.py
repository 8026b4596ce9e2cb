"""The command ``check``: where anything differs from the contracts."""

import os
from pathlib import Path

import click

from codegen import tree
from codegen.commands import findings, options
from codegen.commands.printing import note
from codegen.drift import local_drift, registry_drift
from codegen.errors import CodegenError, DriftError
from codegen.generate import generated_files
from codegen.output import output_of
from codegen.plan import history
from codegen.plan import lock as locks
from codegen.plan.wanted import wanted as wanted_of
from codegen.remote.publishing import open_publisher
from codegen.remote.registries import target


@click.command("check")
@options.CONTRACTS
@options.OUT
@options.PACKAGE
@click.option("--registry", metavar="NAME|URL", default=None, help=f"Look there as well. {options.REGISTRY_HELP}")
@options.KAFKA
@options.KAFKA_CONFIG
@options.timeout_option(15.0)
@click.option(
    "--prefix",
    default=None,
    metavar="PREFIX",
    help="Tell of the registry's subjects with this prefix that no contract wants, too; '' means all.",
)
@findings.format_options
@click.pass_context
def check_command(
    context: click.Context,
    *,
    contracts: Path,
    out: Path | None,
    package: str | None,
    registry: str | None,
    kafka: str | None,
    kafka_config: Path | None,
    timeout_s: float,
    prefix: str | None,
    form: str,
) -> None:
    """Tell whether everything matches the contracts. Writes nothing; exits 4 when something differs.

    Offline it looks at the generated code, contracts.lock and history/; with --registry also at the registry, and with
    --kafka at the topics. What else a registry has is told when codegen published it there, or with --prefix.
    """
    if prefix is not None and registry is None:
        raise click.UsageError("--prefix needs --registry")
    drift: list[str] = []
    try:
        output = output_of(contracts, out, package)
        found = tree.read(contracts)
        files = generated_files(found, output.package)
        drift = local_drift(found, output.folder, files, with_lock=out is None)
        where = target(contracts, registry, kafka) if registry is not None else None
        if where is not None:
            lock = locks.load(contracts)
            remembered = history.was(contracts, lock)
            with open_publisher(
                where, kafka_config, os.environ, timeout_s=timeout_s, say=note, remembered=remembered
            ) as publisher:
                survey = publisher.survey(wanted_of(found), prefix)
            drift += registry_drift(survey, where.name, lock)
        if drift:
            raise DriftError("\n  ".join(drift))
    except CodegenError as error:
        if form == "text":
            raise
        told = findings.of_lines(drift) if isinstance(error, DriftError) and drift else findings.of_error(error)
        findings.write(told, form, contracts, error.exit_code)
        context.exit(error.exit_code)
    if form != "text":
        findings.write([], form, contracts, 0)
        return
    print(f"{len(files)} files in {output.folder} match the contracts")
    if where is not None:
        print("so do the registry and the topics" if where.kafka else "so does the registry")
