"""Stand-ins for the images of others, made of package registries alone, by the names that the Dockerfile has."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Final

from stack.fetch import downloads, java, locks
from tests_support.checkout import ROOT
from tests_support.compose import debian
from tests_support.compose.engine import Engine

BASE: Final = "tally-standin/bookworm-python"
"""Debian 12 with Python 3.11 and this machine's authorities: what stand-ins are built upon."""
JAVA: Final = "tally-standin/java"

_STANDINS: Final = Path(__file__).with_name("standins")
_IMPORT_S: Final = 300.0


def asked_for(argument: str) -> str:
    """Return the image that the Dockerfile's build argument names, such as KAFKA."""
    found = re.search(rf"^ARG {argument}=(\S+)$", (ROOT / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert found is not None, argument
    return found[1]


def build(engine: Engine, tag: str, folder: Path, **parts: Path) -> None:
    """Build an image from a folder with a Dockerfile, which is given the files and folders of ``parts`` by their names.

    A name is written with ``-`` for ``_``, and with its suffix if the file has one.
    """
    context = engine.work / re.sub(r"\W", "-", tag)
    shutil.copytree(folder, context)
    for name, source in parts.items():
        target = context / (name.replace("_", "-") + ("" if source.is_dir() else source.suffix))
        if source.is_dir():
            shutil.copytree(source, target, symlinks=True)
        else:
            shutil.copy(source, target)
    engine.docker("build", "--quiet", "--tag", tag, context)
    shutil.rmtree(context)


def build_core(engine: Engine, cache: Path) -> None:
    """Build the stand-ins for Python, Kafka and the registry; what they are made of must have been fetched."""
    with debian.BASE.path_in(cache).open("rb") as tar:
        imported = subprocess.run(
            ["docker", "import", "-", BASE], executable=str(engine.state / "bin" / "docker"), stdin=tar,
            env=engine.environment(), capture_output=True, text=True, timeout=_IMPORT_S, check=False,
        )  # fmt: skip
    assert imported.returncode == 0, imported.stderr
    build(engine, asked_for("PYTHON"), _STANDINS / "python")
    build(engine, JAVA, _STANDINS / "java", java_runtime=java.home("bundled"))
    jars = engine.work / "jars"
    jars.mkdir()
    for artifact in locks.read(locks.KAFKA_LOCK):
        shutil.copy(downloads.path_of(cache, artifact), jars)
    build(engine, asked_for("KAFKA"), _STANDINS / "kafka", libs=jars)
    shutil.rmtree(jars)
    (registry,) = locks.read(locks.REGISTRY_LOCK)
    program = downloads.unpacked_path_of(cache, registry)
    build(engine, asked_for("REGISTRY"), _STANDINS / "registry", deployments=program)
