"""REST over ledgers that a test fills, for a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests_support.consumer.rest_world import RestWorld, rest_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RestWorld]:
    """Ledgers, and REST over them."""
    with rest_world(tmp_path) as made:
        yield made
