"""A stack for the tests of the k6 scripts, and the harness in k6's place."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from stack import Stack
from tests_support.load.k6_harness import harness
from tests_support.running.live import live_stack
from tests_support.running.stacks import temporary_folder


@pytest.fixture(scope="session")
def k6() -> Path:
    """The harness, which takes the place of k6."""
    return harness()


@pytest.fixture(scope="module")
def stack(k6: Path) -> Iterator[Stack]:
    """A stack of the module's own: what a sabotage spoils is seen by no other test."""
    with temporary_folder() as folder, live_stack(folder) as one:
        yield one
