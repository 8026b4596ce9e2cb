"""Where the load goes: to this machine, whatever the environment says of proxies."""

import json
from collections.abc import Iterator

import pytest

from loadtests.judging.topic import Schemas
from loadtests.target import Target, count_of
from tally.base.framing import frame
from tests_support.consumer.strange_schemas import COMMON, NODE, writer
from tests_support.running.one_answer import ABSENT_PROXY, one_answer

ANSWER = b'{"complete": true, "count": 2, "schema": "\\"bytes\\""}'


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The proxy that the environment names is not there."""
    monkeypatch.setenv("http_proxy", ABSENT_PROXY)
    with one_answer(monkeypatch, lambda _: ANSWER) as url:
        yield url


def test_a_proxy_of_the_environment_is_not_asked_for_the_total(server: str) -> None:
    """Load tests are for the system of this machine; a proxy could not reach it."""
    assert count_of(Target(grpc="", rest=server, kafka="", registry="")) == 2


def test_a_proxy_of_the_environment_is_not_asked_for_the_registry_of_this_machine(server: str) -> None:
    """The reader of the topic asks this machine's registry directly, whatever proxy the environment names."""
    assert Schemas(server).decode(frame(7) + b"\x02x") == b"x"


def test_a_record_whose_schema_could_end_the_process_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stranger's record in the topic, or among the dead letters, neither ends nor holds up a load test."""
    schema = json.dumps({"schema": json.dumps(writer(NODE))})
    with (
        one_answer(monkeypatch, lambda _: schema.encode()) as url,
        pytest.raises(ValueError, match="type within itself"),
    ):
        Schemas(url).decode(frame(7) + COMMON + b"\2" * 100_000)
