"""REST over ledgers that a test fills."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from tests_support.consumer.rest_world import RestWorld, rest_world


@pytest.fixture
def world(tmp_path: Path) -> Iterator[RestWorld]:
    """Ledgers, and REST over them."""
    with rest_world(tmp_path) as made:
        yield made


@pytest.fixture
def client(world: RestWorld) -> Iterator[TestClient[Any]]:
    """A client of that REST, without a network."""
    with TestClient(world.app, raise_server_exceptions=False) as made:
        yield made
