"""The command ``codegen``: what a person types. It parses, calls, prints; everything else is in the other modules."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import click

from codegen import tree
from codegen.errors import EXIT_USAGE, CodegenError, DriftError
from codegen.generate import checked_package, generated_files, package_of
from common.kafka_config import KafkaConfigError, read_properties

_CONTRACTS = click.option(
    "--contracts",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("contracts"),
    show_default=True,
    help="The folder with proto/, avro/ and topics/.",
)
_OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="The folder of the generated code; it holds nothing else.  [default: generated/ in the contracts' folder]",
)
_PACKAGE = click.option(
    "--package",
    default=None,
    help="The dotted name that programs import that folder by.  [default: its path from here, contracts.generated]",
)

_HELP = """Typed Python, a schema registry and Kafka topics, all from one folder of contracts.

\b
The folder (--contracts, by default ./contracts):
  proto/**/*.proto    Protobuf files; imports start here
  avro/*.avsc         Avro records, one a file
  topics/*.yaml       topics: schema, subject, compatibility, partitions, configuration
  generated/          the code that `codegen generate` writes; commit it, never edit it

\b
Without any server:
  codegen lint        names, documentation, buf's rules
  codegen generate    Python from the contracts; the same bytes on every machine
  codegen check       is the generated code what the contracts say?
With a registry and Kafka:
  codegen publish     register the schemas, create the topics; a second run changes nothing

\b
Exit codes: 0 done or nothing to do, 1 the contracts are wrong, 2 changes pending (publish --dry-run),
3 a schema is refused as incompatible, 4 something is otherwise than the contracts say,
5 the registry or Kafka is unreachable or refuses access, 64 usage.
"""


@click.group(help=_HELP)
def cli() -> None:
    """The group; its help is above."""


def main() -> None:
    """Run the command and exit with its code."""
    try:
        code = cli.main(prog_name="codegen", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        code = EXIT_USAGE
    except click.ClickException as error:
        error.show()
        code = 1
    except click.Abort:
        code = 130
    except CodegenError as error:
        print(f"codegen: {error}", file=sys.stderr)
        code = error.exit_code
    sys.exit(code)


@cli.command()
@_CONTRACTS
@_OUT
@_PACKAGE
def generate(contracts: Path, out: Path | None, package: str | None) -> None:
    """Write the generated code. Offline; a second run changes nothing."""
    folder = out or contracts / "generated"
    files = _files(contracts, folder, package)
    changed = tree.replace(folder, files)
    for change in changed:
        print(change)
    print(f"{len(files)} files in {folder}, {len(changed) or 'none'} changed")


@cli.command()
@_CONTRACTS
@_OUT
@_PACKAGE
def check(contracts: Path, out: Path | None, package: str | None) -> None:
    """Tell whether the contracts are valid and the generated code is theirs. Offline; writes nothing."""
    folder = out or contracts / "generated"
    files = _files(contracts, folder, package)
    different = tree.differences(files, tree.files_of(folder))
    if different:
        raise DriftError(f"{folder} is not what the contracts say; run: codegen generate\n  " + "\n  ".join(different))
    print(f"{len(files)} files in {folder} are what the contracts say")


def _files(contracts: Path, folder: Path, package: str | None) -> dict[str, str]:
    name = checked_package(package) if package else package_of(folder, Path.cwd())
    return generated_files(tree.read(contracts), name)


@cli.command()
@_CONTRACTS
@click.option("--fix", is_flag=True, help="Format the Protobuf files instead of complaining.")
def lint(contracts: Path, *, fix: bool) -> None:
    """Check names, documentation, promised widths and buf's STANDARD rules. Offline."""
    from codegen.lint import findings  # noqa: PLC0415 - the other commands do not need buf and yaml

    found = findings(tree.read(contracts), fix=fix)
    for line in found:
        print(line)
    if found:
        raise CodegenError(f"{len(found)} findings in {contracts}")
    print(f"{contracts}: no findings")


@cli.command()
@_CONTRACTS
@click.option(
    "--registry",
    required=True,
    metavar="URL",
    help="The registry's Confluent-compatible address, http://host:port/apis/ccompat/v7 on Apicurio. Credentials: "
    "user:password@ in the URL, or TALLY_REGISTRY_USER and TALLY_REGISTRY_PASSWORD, or TALLY_REGISTRY_TOKEN.",
)
@click.option("--kafka", required=True, metavar="SERVERS", help="Kafka's brokers, host:port, by commas.")
@click.option(
    "--kafka-config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="A client properties file for SASL and TLS, as Kafka's own tools take.  [default: TALLY_KAFKA_CONFIG]",
)
@click.option(
    "--timeout-s",
    type=click.FloatRange(min=0, max=3600),
    default=60.0,
    show_default=True,
    help="How long to wait for the two, all in all.",
)
@click.option("--dry-run", is_flag=True, help="Only tell what would be done; exit 2 when it is something.")
def publish(
    contracts: Path, registry: str, kafka: str, kafka_config: Path | None, timeout_s: float, *, dry_run: bool
) -> None:
    """Register the schemas and create the topics.

    What is there and right is left alone, so a second run does nothing, and a run that was killed is completed by the
    next one. A topic with another number of partitions is refused; a topic's configuration is set back to the contract.
    """
    from codegen.publishing import open_publisher  # noqa: PLC0415 - Kafka's client takes a moment to load
    from codegen.wanted import wanted  # noqa: PLC0415

    environment: Mapping[str, str] = os.environ
    properties = _properties(kafka_config, environment)
    found = wanted(tree.read(contracts))
    with open_publisher(registry, kafka, properties, environment, timeout_s=timeout_s, say=_say) as publisher:
        outcome = publisher.publish(found, dry_run=dry_run)
    if dry_run:
        print(f"{outcome.pending} changes pending" if outcome.pending else "nothing to do")
        click.get_current_context().exit(2 if outcome.pending else 0)
    print(f"{outcome.pending} changes made and verified" if outcome.pending else "nothing to do")


def _properties(given: Path | None, environment: Mapping[str, str]) -> dict[str, str]:
    path = given or (Path(environment["TALLY_KAFKA_CONFIG"]) if environment.get("TALLY_KAFKA_CONFIG") else None)
    if path is None:
        return {}
    try:
        return read_properties(path)
    except KafkaConfigError as error:
        raise CodegenError(str(error)) from error


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    main()
