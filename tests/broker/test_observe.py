"""`just observe`: the engines run beside a stack, hold what the services tell, and end with it."""

import httpx
import pytest

from stack import processes
from stack.engines import ENGINES
from stack.go_programs import CannotBuildError
from stack.observe import Engines
from stack.parts import ORDER
from stack.system import engines_of
from tests_support.waiting import eventually


@pytest.fixture
def observed(new_stack):
    stack = new_stack()
    engines = engines_of(stack)
    try:
        engines.up(["victoria-metrics"])
    except CannotBuildError as error:
        pytest.skip(str(error))
    yield stack, engines
    engines.down()


def series(engines: Engines, query: str) -> list[dict]:
    answer = httpx.get(f"http://127.0.0.1:{engines.port('victoria-metrics')}/api/v1/query", params={"query": query})
    answer.raise_for_status()
    return answer.json()["data"]["result"]


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_what_the_services_measure_is_in_the_engine_and_down_ends_it(observed):
    """Both services are scraped, and after `down` no process of an engine is left."""
    stack, engines = observed
    stack.up(ORDER)
    eventually(lambda: len(series(engines, "app_ready_ratio == 1")) == 2, 60, "both services are scraped and ready")
    assert {each["metric"]["job"] for each in series(engines, "up == 1")} == {"producer", "consumer"}
    marks = [mark for name in ENGINES if (mark := engines.mark(name)) is not None]
    assert engines.down() == ["victoria-metrics"]
    assert not any(processes.is_alive(mark) for mark in marks)
    assert engines.running() == []
