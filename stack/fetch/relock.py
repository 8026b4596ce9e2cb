"""Pins everything anew, for maintainers: ``just lock [--upgrade]``.

The Python packages by ``uv pip compile`` (without ``--upgrade`` the pinned versions stay), Kafka, the registry and the
agent by resolving and hashing. Look at the difference before you commit it: a changed hash of an unchanged version is
an alarm.
"""

import hashlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import click

from stack import command_line
from stack.fetch.locks import AGENT_LOCK, KAFKA_LOCK, REGISTRY_LOCK, TOOLS_LOCK, Artifact
from stack.system import ROOT
from tally.base.hints import hint
from tally.base.written_file import write_file

KAFKA_VERSION: Final = "4.2.2"
LOG4J_VERSION: Final = "2.25.5"
REGISTRY_VERSION: Final = "3.3.3"
AGENT_VERSION: Final = "1.0.1"

# The mark "!" keeps the Maven client from taking a component as a bill of materials too: log4j's would silently lower
# kafka-clients to 3.9.1. Kafka 4.2 speaks slf4j 1.7, so the binding is log4j-slf4j-impl and not log4j-slf4j2-impl.
KAFKA_ROOTS: Final = (
    f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}!",
    f"org.apache.logging.log4j:log4j-slf4j-impl:{LOG4J_VERSION}!",
)

_UV: Final = ("pip", "compile", "--universal", "--generate-hashes", "--python-version", "3.11")
_QUIET: Final = ("--no-emit-index-url", "--no-emit-find-links", "--custom-compile-command", "just lock", "--quiet")


def lock_python(*, upgrade: bool) -> None:
    """Write requirements/*.txt. What runs in production is chosen first, and development follows it."""
    folder = ROOT / "requirements"
    for name in ("runtime", "codegen", "parquet", "maven", "dev", "audit", "demo", "foreign", "go", "node", "tools"):
        command = ["uv", *_UV, *_QUIET, f"{name}.in", "--output-file", f"{name}.txt"]
        command += ["--upgrade"] if upgrade else []
        command += ["--constraint", "runtime.txt"] if name in ("codegen", "parquet", "maven", "dev", "audit") else []
        command += ["--no-deps"] if name in ("demo", "foreign") else []
        print(f"requirements/{name}.txt", flush=True)
        subprocess.run(command, cwd=folder, check=True)


def lock_kafka(repository: Path) -> None:
    """Write stack/kafka.lock: Kafka, its logging, and all that they need at run time."""
    from jgo.maven import MavenContext  # noqa: PLC0415 - only maintainers need the Maven client's 0.2 s

    context = MavenContext(repo_cache=repository, timeout=60)
    roots, below = context.resolver.resolve([context.create_dependency(root) for root in KAFKA_ROOTS])
    artifacts = [
        artifact_of((each.groupId, each.artifactId, each.version), Path(each.artifact.resolve()))
        for each in [*roots, *below]
    ]
    origin = " and ".join(root.rstrip("!") for root in KAFKA_ROOTS)
    write(KAFKA_LOCK, f"Apache Kafka and what it needs at run time, resolved from\n# {origin}.", artifacts)


def lock_registry(repository: Path) -> None:
    """Write stack/registry.lock: one archive that has everything."""
    artifact = _alone(repository, ("io.apicurio", "apicurio-registry-app", REGISTRY_VERSION), "all", "tar.gz")
    write(REGISTRY_LOCK, "The schema registry: Apicurio, which speaks the Confluent API.", [artifact])


def lock_agent(repository: Path) -> None:
    """Write stack/agent.lock: one jar without dependencies."""
    artifact = _alone(repository, ("io.prometheus.jmx", "jmx_prometheus_javaagent", AGENT_VERSION))
    write(AGENT_LOCK, "The agent that shows the broker's metrics to Prometheus (Apache-2.0).", [artifact])


def lock_tools(repository: Path) -> None:
    """Write stack/tools.lock: one jar, which needs nothing beyond those of the broker for what is used of it."""
    artifact = _alone(repository, ("org.apache.kafka", "kafka-tools", KAFKA_VERSION))
    write(TOOLS_LOCK, "Kafka's own command-line tools, for `just kafka-transactions`.", [artifact])


def _alone(
    repository: Path, coordinates: tuple[str, str, str], classifier: str = "", packaging: str = "jar"
) -> Artifact:
    """Return an artifact, downloaded without what it depends on."""
    from jgo.maven import MavenContext  # noqa: PLC0415

    group, name, version = coordinates
    component = MavenContext(repo_cache=repository, timeout=60).project(group, name).at_version(version)
    return artifact_of(coordinates, Path(component.artifact(classifier, packaging).resolve()), classifier, packaging)


def artifact_of(
    coordinates: tuple[str, str, str], file: Path, classifier: str = "", packaging: str = "jar"
) -> Artifact:
    """Return a downloaded file as an artifact of a lock; ``coordinates`` are group, artifact and version."""
    content = file.read_bytes()
    sha256 = hashlib.sha256(content).hexdigest()
    return Artifact(*coordinates, sha256, len(content), classifier, packaging)


def write(path: Path, title: str, artifacts: Iterable[Artifact]) -> None:
    """Write a lock, sorted, so that a difference shows what changed."""
    lines = sorted(artifact.line for artifact in artifacts)
    header = f"# {title}\n# From Maven Central. Made by `just lock`; do not edit.\n"
    write_file(path, header + "\n".join(lines) + "\n")
    print(f"stack/{path.name}: {len(lines)} files", flush=True)


@click.command(help=__doc__)
@click.option("--upgrade", is_flag=True, help="Take the newest Python packages that the .in files allow.")
def main(upgrade: bool) -> int:
    """Pin everything."""
    if shutil.which("uv") is None:
        print(f"uv is not on PATH: run `{hint('lock')}` instead", file=sys.stderr)
        return 1
    lock_python(upgrade=upgrade)
    with tempfile.TemporaryDirectory(prefix="tally-lock-") as repository:
        lock_kafka(Path(repository))
        lock_registry(Path(repository))
        lock_agent(Path(repository))
        lock_tools(Path(repository))
    return 0


if __name__ == "__main__":
    sys.exit(command_line.run(main, hint("lock")))
