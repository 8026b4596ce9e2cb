"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from codegen import settled

CONTRACTS = click.option(
    "--contracts",
    type=click.Path(path_type=Path, file_okay=False),
    default=settled.CONTRACTS,
    show_default=True,
    help="The folder with proto/, avro/ and topics/.",
)
OUT = click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=None,
    help="The folder for the generated code, and for nothing else.  [default: what codegen.yaml in the "
    "contracts' folder says, or generated/ there]",
)
PACKAGE = click.option(
    "--package",
    default=None,
    help="The dotted name that programs import that folder by.  [default: what codegen.yaml says, "
    "or the folder's path from here, as contracts.generated]",
)
REGISTRY_HELP: Final = (
    "A name in the contracts' registries.yaml, or the registry's Confluent-compatible address, on Apicurio "
    "http://host:port/apis/ccompat/v7. Credentials come from the environment: see codegen --help."
)
KAFKA = click.option(
    "--kafka",
    metavar="SERVERS",
    default=None,
    help="Kafka's brokers as host:port, separated by commas: topics as well.",
)
KAFKA_CONFIG = click.option(
    "--kafka-config",
    type=click.Path(path_type=Path, dir_okay=False),
    default=None,
    help="A client properties file for SASL and TLS, as Kafka's own tools take.  [default: TALLY_KAFKA_CONFIG]",
)
PRUNE_PREFIX = click.option(
    "--prune-prefix", default="", metavar="PREFIX", help="Delete the subjects with this prefix that no contract wants."
)


def timeout_option(default_s: float) -> Callable[[Any], Any]:
    """Return the option for how long to wait."""
    return click.option(
        "--timeout-s",
        type=click.FloatRange(min=0, max=3600),
        default=default_s,
        show_default=True,
        help="How long to wait for the registry and Kafka in total.",
    )
