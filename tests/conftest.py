"""Fixtures that every test may use. A test that takes a stack is marked ``broker`` by that."""

import os
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from stack import Stack
from tally.base.addresses import KAFKA, PORTS, REGISTRY
from tests_support.running import recovery
from tests_support.running.stacks import KAFKA_ONLY, NewStack, stack_factory, temporary_folder

for _address in [*PORTS, KAFKA, REGISTRY, "TALLY_DATA_DIR"]:
    os.environ.pop(_address, None)  # where `just run` says that the system is: tests have systems of their own
for _look in ("FORCE_COLOR", "CLICOLOR_FORCE", "TTY_COMPATIBLE", "NO_COLOR", "COLUMNS", "LINES"):
    os.environ.pop(_look, None)  # what a terminal, or a CI that shows colours, would have of the commands
for _direct in ("no_proxy", "NO_PROXY"):  # whatever leads elsewhere: what tests ask is on this machine
    os.environ[_direct] = ",".join(filter(None, (os.environ.get(_direct), "127.0.0.1", "localhost", "::1")))
os.environ["TALLY_ENV_FILE"] = ""  # a developer's own .env is none of the tests'
os.environ["TALLY_TYPED_AS"] = "just"  # so that messages are the same however the tests were started

_STACK_FIXTURES = {"kafka_stack", "new_stack"}

# No timing assertions: a busy machine must not fail a test. A failure prints what reproduces it.
# TALLY_FUZZ_EXAMPLES=10000 looks longer.
EXAMPLES = int(os.environ.get("TALLY_FUZZ_EXAMPLES", "100"))
hypothesis.settings.register_profile(
    "tally",
    deadline=None,
    print_blob=True,
    max_examples=EXAMPLES,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("tally")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start a real Kafka."""
    for item in items:
        if _STACK_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.broker)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Show, by fault, how often it was made, what was seen and how long it took until all worked again."""
    reports = [each for kind in ("passed", "failed", "error", "skipped") for each in terminalreporter.getreports(kind)]
    if lines := recovery.table(reports):
        terminalreporter.section("faults")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture(scope="session")
def kafka_stack() -> Iterator[Stack]:
    """A Kafka and a registry with the contracts published, shared by the whole run: use topics or ids of your own."""
    with temporary_folder() as folder, stack_factory(folder) as new:
        yield new(parts=KAFKA_ONLY)


@pytest.fixture
def new_stack(tmp_path: Path) -> Iterator[NewStack]:
    """A factory of stacks that are stopped at the end of the test; ``new_stack(parts=ORDER)`` starts everything."""
    with stack_factory(tmp_path) as factory:
        yield factory
