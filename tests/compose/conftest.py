"""One engine and one system in containers for all tests of this folder, and the machine as it was afterwards."""

import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from stack.downloads import default_folder
from tests_support.compose import debian, engine, host, images
from tests_support.compose.engine import Engine
from tests_support.compose.project import Project
from tests_support.compose.seen import Seen

_WORDS = ("dockerd", "containerd", "docker-proxy")


def traces() -> list[str]:
    """Return what an engine leaves on a machine that nobody cleans: links, rules, mounts, groups, processes."""
    now = host.look(debian.ENGINE.path_in(default_folder()))
    mounts = [
        line for line in Path("/proc/mounts").read_text(encoding="utf-8").splitlines() if "/compose/state-" in line
    ]
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob("**/docker")]
    alive = [each.info["name"] for each in psutil.process_iter(["name"]) if str(each.info["name"]).startswith(_WORDS)]
    folders = [str(path) for path in (default_folder() / "compose").glob("state-*")]
    return sorted([*now.links, *now.rules, *now.nft_tables, now.ip_forward, *mounts, *groups, *alive, *folders])


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Engine]:
    """A Docker engine that has the stand-ins for Python, Kafka and the registry."""
    reason = engine.why_not(default_folder())
    if reason is not None:
        pytest.skip(reason)
    before = traces()
    with engine.running(default_folder()) as own:
        images.build_core(own, default_folder())
        yield own
    assert traces() == before, "the engine left something behind"


@pytest.fixture(scope="session")
def seen() -> Iterator[Seen]:
    """What was measured on the way; printed at the end."""
    with Seen.printed() as own:
        yield own


@pytest.fixture(scope="session")
def system(docker_engine: Engine, seen: Seen) -> Iterator[Project]:
    """The core of docker-compose.yml, built and started by `just up compose`."""
    project = Project(docker_engine)
    began_s = time.monotonic()
    built = project.compose("build")
    seen.add("the images are built", time.monotonic() - began_s, "s")
    assert "frontend" not in built, "a frontend of BuildKit is asked of a public registry"
    began_s = time.monotonic()
    started = project.stack("up", "compose")
    seen.add("all are healthy after `just up compose`", time.monotonic() - began_s, "s")
    assert started.returncode == 0, started.stdout[-4000:]
    for what, took_s in project.stages_s().items():
        seen.add(f"of which {what}", took_s, "s")
    try:
        yield project
    finally:
        project.compose("down", "--volumes", "--timeout", "10")
