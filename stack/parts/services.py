"""How the producer, the consumer and the publishing of the contracts are started."""

import os
import sys
from collections.abc import Mapping

from stack.fetch.java import clean_environment
from tally.base.env_file import VARIABLE


def command(service: str) -> list[str]:
    """Return the command line of a service."""
    return [sys.executable, "-m", service]


def publish_command(registry_url: str, bootstrap_servers: str) -> list[str]:
    """Return the command line of the step that publishes schemas and creates topics."""
    return [*command("codegen"), "publish", "--registry", registry_url, "--kafka", bootstrap_servers]


def java_environment() -> dict[str, str]:
    """Return the environment of Kafka and the registry."""
    return clean_environment(os.environ)


def foreign_environment(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the environment without any setting of Tally, so that two stacks never mix theirs.

    The checkout's ``.env`` is left out, too: whoever starts a service gives it what of that file it is to see.
    """
    kept = {name: value for name, value in environment.items() if not name.startswith("TALLY_")}
    return {**kept, VARIABLE: ""}
