"""One engine and one system in containers for all tests of this folder."""

import time
from collections.abc import Iterator

import pytest

from tally.base.cache_folder import cache_folder
from tests_support.compose import engine, images
from tests_support.compose.engine import Engine
from tests_support.compose.project import Project
from tests_support.compose.seen import Seen


@pytest.fixture(scope="session")
def docker_engine() -> Iterator[Engine]:
    """A Docker engine that has the stand-ins for Python, Kafka and the registry."""
    reason = engine.why_not(cache_folder())
    if reason is not None:
        pytest.skip(reason)
    try:
        with engine.running(cache_folder()) as own:
            images.build_core(own, cache_folder())
            yield own
    except engine.TakenError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def seen(pytestconfig: pytest.Config) -> Iterator[Seen]:
    """What was measured on the way; printed at the end, past pytest's capturing."""
    own = Seen()
    yield own
    with pytestconfig.pluginmanager.getplugin("capturemanager").global_and_fixture_disabled():
        print(f"\n{own.text}")


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
