"""The REST service that the commands ask."""

import threading
from collections.abc import Iterator

import pytest

from tests_support.running.scripted_rest import ScriptedRest


@pytest.fixture
def rest() -> Iterator[ScriptedRest]:
    """A scripted REST service, which stops at the end of the test."""
    fake = ScriptedRest()
    thread = threading.Thread(target=fake.server.serve_forever)
    thread.start()
    yield fake
    fake.server.shutdown()
    thread.join()
    fake.server.server_close()
