"""The schema registry as one process on loopback, its data below one folder."""

import http.client
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.ports import HOST, Ports
from tally.base.addresses import REGISTRY_PATH
from tally.service.private import private_folder

_REQUEST_DEADLINE_S: Final = 2.0

PROPERTIES: Final = {
    "quarkus.http.host": HOST,
    "quarkus.management.host": HOST,  # it listens on every address otherwise
    "quarkus.http.access-log.enabled": "false",
    "quarkus.log.console.format": "%d{yyyy-MM-dd HH:mm:ss.SSS} %-5p %s (%c{1})%e%n",
    "apicurio.datasource.jdbc.initial-size": "2",
    "apicurio.datasource.jdbc.min-size": "2",
    "apicurio.datasource.jdbc.max-size": "10",
    "apicurio.rules.global.compatibility": "BACKWARD",
    "apicurio.rules.global.validity": "FULL",
    "apicurio.rules.global.integrity": "FULL",
}
"""What every native registry is started with, beside its ports and folder."""


@dataclass(frozen=True)
class Registry:
    """The native registry of one stack."""

    java: Path
    program: Path  # the unpacked distribution
    data: Path
    ports: Ports
    jvm_flags: Sequence[str]

    def command(self) -> list[str]:
        """Return the command line of the registry."""
        properties = [f"-D{name}={value}" for name, value in self.properties().items()]
        flags = ["-Xss512k", *self.jvm_flags]
        return [str(self.java / "bin" / "java"), *flags, *properties, "-jar", str(self.program / "quarkus-run.jar")]

    def properties(self) -> dict[str, str]:
        """Return the properties in force."""
        return {
            **PROPERTIES,
            "quarkus.http.port": str(self.ports.registry),
            "quarkus.management.port": str(self.ports.registry_management),
            # Without WRITE_DELAY=0 H2 acknowledges before it writes: 28 of 30 registrations were lost to a SIGKILL.
            "apicurio.datasource.url": f"jdbc:h2:file:{self.data}/registry;WRITE_DELAY=0",
        }

    def prepare(self) -> None:
        """Make the data folder."""
        private_folder(self.data)


def not_ready(port: int) -> str | None:
    """Return None when the registry on a port answers, else what is missing."""
    connection = http.client.HTTPConnection(HOST, port, timeout=_REQUEST_DEADLINE_S)
    try:
        connection.request("GET", f"{REGISTRY_PATH}/subjects")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return f"no answer on port {port} ({type(error).__name__})"
    finally:
        connection.close()
    return None if status == http.client.OK else f"it answers {status}"
