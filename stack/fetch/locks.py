"""The committed locks: which files make up Kafka, the registry and the agent, each pinned by its sha256.

A line of a lock is ``group:artifact:version[:classifier:packaging] sha256:HEX BYTES``; ``#`` starts a comment. No
host stands in it: the Maven client knows its own.
"""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.errors import StackError

FOLDER: Final = Path(__file__).parents[1]
KAFKA_LOCK: Final = FOLDER / "kafka.lock"
REGISTRY_LOCK: Final = FOLDER / "registry.lock"
AGENT_LOCK: Final = FOLDER / "agent.lock"
TOOLS_LOCK: Final = FOLDER / "tools.lock"

_LINE = re.compile(
    r"(?P<group>[\w.-]+):(?P<name>[\w.-]+):(?P<version>[\w.-]+)(:(?P<classifier>[\w.-]+):(?P<packaging>[\w.-]+))?"
    r" sha256:(?P<sha256>[0-9a-f]{64}) (?P<size_bytes>[0-9]+)"
)


class LockError(StackError):
    """A lock file cannot be understood; the message names file and line."""


@dataclass(frozen=True)
class Artifact:
    """One file of Maven Central, with its content's hash."""

    group: str
    name: str
    version: str
    sha256: str
    size_bytes: int
    classifier: str = ""
    packaging: str = "jar"

    @property
    def coordinates(self) -> str:
        """Return ``group:artifact:version``, with ``:classifier:packaging`` where it is not a plain jar."""
        plain = f"{self.group}:{self.name}:{self.version}"
        return (
            plain if (self.classifier, self.packaging) == ("", "jar") else f"{plain}:{self.classifier}:{self.packaging}"
        )

    @property
    def file_name(self) -> str:
        """Return the name that Maven gives the file."""
        classifier = f"-{self.classifier}" if self.classifier else ""
        return f"{self.name}-{self.version}{classifier}.{self.packaging}"

    @property
    def line(self) -> str:
        """Return the artifact as a line of a lock."""
        return f"{self.coordinates} sha256:{self.sha256} {self.size_bytes}"


def parse(text: str, source: str) -> tuple[Artifact, ...]:
    """Return the artifacts of a lock's text in its order. Raises LockError; ``source`` names the file in messages."""
    artifacts: list[Artifact] = []
    for number, line in enumerate(text.splitlines(), start=1):
        entry = line.partition("#")[0].strip()
        if not entry:
            continue
        match = _LINE.fullmatch(entry)
        if match is None:
            raise LockError(f"{source}:{number}: {entry!r} is not 'group:artifact:version sha256:HEX BYTES'")
        fields = {name: value for name, value in match.groupdict().items() if value is not None}
        size_bytes = int(fields.pop("size_bytes"))
        artifacts.append(Artifact(size_bytes=size_bytes, **fields))
    if not artifacts:
        raise LockError(f"{source}: no artifact in it")
    return tuple(artifacts)


def read(path: Path) -> tuple[Artifact, ...]:
    """Return the artifacts of a lock file. Raises LockError."""
    return parse(path.read_text(encoding="utf-8"), path.name)


def version_of(artifacts: tuple[Artifact, ...], name: str) -> str:
    """Return the version of the artifact called ``name``. Raises LockError when it is not there."""
    for artifact in artifacts:
        if artifact.name == name:
            return artifact.version
    raise LockError(f"no artifact {name!r} in the lock")


def digest(artifacts: tuple[Artifact, ...]) -> str:
    """Return a hex digest of the contents, for keys of caches."""
    return hashlib.sha256("\n".join(artifact.sha256 for artifact in artifacts).encode()).hexdigest()
