"""Which setting moves which address: one function decides, and everybody hears it."""

import pytest

from consumer.settings import ConsumerSettings
from loadtests.running import running_system
from producer.settings import ProducerSettings
from stack import Ports, Stack, compose, healthcheck
from stack.checkout import settings_of_checkout, stack_of
from stack.ports import SETTINGS
from stack.settings import StackSettings
from tally.base.addresses import BASE, KAFKA, PORTS, REGISTRY, addresses
from tally.base.settings import Settings, SettingsError, load
from tally.cli.settings import ClientSettings

PROGRAMS: list[type[Settings]] = [ProducerSettings, ConsumerSettings, ClientSettings, StackSettings]
ROWS = [
    ({}, ("127.0.0.1:9092", "8081", 50051, 8000, 9464)),
    ({BASE: "21000"}, ("127.0.0.1:21000", "21002", 21004, 21005, 21006)),
    ({BASE: ""}, ("127.0.0.1:9092", "8081", 50051, 8000, 9464)),
    ({BASE: "21000", "TALLY_GRPC_PORT": "7"}, ("127.0.0.1:21000", "21002", 7, 21005, 21006)),
    ({"TALLY_KAFKA_PORT": "7", "TALLY_REGISTRY_PORT": "8"}, ("127.0.0.1:7", "8", 50051, 8000, 9464)),
    ({BASE: "21000", "TALLY_REST_PORT": ""}, ("127.0.0.1:21000", "21002", 21004, 21005, 21006)),
    ({BASE: "21000", KAFKA: "far:1,far:2"}, ("far:1,far:2", "21002", 21004, 21005, 21006)),
]


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in (BASE, KAFKA, REGISTRY, *PORTS, "TALLY_GRPC_TARGET", "TALLY_REST_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TALLY_DATA_DIR", str(tmp_path_factory.mktemp("data")))


@pytest.mark.parametrize(("given", "expected"), ROWS)
def test_every_program_hears_every_setting_that_moves_an_address(
    given: dict[str, str], expected: tuple[str, str, int, int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Services, the tally command, the stack, load tests, compose and health checks agree on where each part is."""
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    kafka, registry, grpc, rest, metrics = expected
    wanted = {
        "kafka_bootstrap_servers": kafka, "registry_url": f"http://127.0.0.1:{registry}/apis/ccompat/v7",
        "grpc_port": grpc, "rest_port": rest, "producer_metrics_port": metrics,
    }  # fmt: skip
    for program in PROGRAMS:
        found = load(program).model_dump()
        assert {name: found[name] for name in wanted if name in found} == {
            name: value for name, value in wanted.items() if name in found
        }, program
    stack, target = stack_of(settings_of_checkout()), running_system()
    assert (stack.bootstrap_servers, stack.registry_url) == (kafka, wanted["registry_url"])
    assert stack.environment()["TALLY_PRODUCER_METRICS_PORT"] == str(metrics)
    assert (target.kafka, target.registry, target.grpc, target.rest) == (
        kafka, wanted["registry_url"], f"127.0.0.1:{grpc}", f"http://127.0.0.1:{rest}",
    )  # fmt: skip
    inside = compose.environment(stack.data_dir, load(StackSettings))
    assert (inside["TALLY_GRPC_PORT"], inside["TALLY_REST_PORT"]) == (str(grpc), str(rest))
    assert [healthcheck.port_of(name, given) for name in ("TALLY_GRPC_PORT", "TALLY_REST_PORT")] == [grpc, rest]


def test_what_a_program_does_not_start_itself_is_where_a_setting_of_the_whole_address_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """TALLY_GRPC_TARGET and TALLY_REST_URL win over ports, for load tests as for the tally command."""
    monkeypatch.setenv("TALLY_GRPC_TARGET", "far:1")
    monkeypatch.setenv("TALLY_REST_URL", "http://far:2/")
    monkeypatch.setenv(BASE, "21000")
    client, target = load(ClientSettings), running_system()
    assert (client.grpc_address, client.rest_address) == (target.grpc, target.rest) == ("far:1", "http://far:2")


def test_the_ports_of_the_stack_are_those_of_the_settings() -> None:
    """The stack has a field for each port but Grafana's, in the order and with the defaults of the settings."""
    assert {SETTINGS[name]: port for name, port in Ports().by_name().items()} | {"TALLY_GRAFANA_PORT": 3000} == PORTS
    assert [*SETTINGS.values(), "TALLY_GRAFANA_PORT"] == [*PORTS]
    assert [*Ports.at_base(21_000).by_name().values()] == [*addresses({BASE: 21_000}).values()][: len(SETTINGS)]


def test_every_setting_of_a_port_is_one_of_the_stack() -> None:
    """Each setting that moves a port is a field of the stack's settings."""
    assert {BASE, *PORTS} <= {f"TALLY_{name.upper()}" for name in StackSettings.model_fields}


@pytest.mark.parametrize(("name", "value"), [(BASE, "abc"), (BASE, "65530"), (BASE, "80"), ("TALLY_KAFKA_PORT", "0x1")])
@pytest.mark.parametrize("program", PROGRAMS)
def test_a_wrong_base_or_port_is_refused_by_its_name_everywhere(
    program: type[Settings], name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A base or a port that cannot be is an error of that very setting, in every program."""
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"{name} is '{value}'"):
        load(program)


def test_a_part_of_a_stack_is_told_each_address(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What runs in the environment of a stack, another `just` included, finds that stack."""
    ports = Ports.at_base(21_000)
    given = Stack(tmp_path_factory.mktemp("stack"), ports).environment()
    assert {name: int(value) for name, value in given.items() if name in PORTS} == {
        SETTINGS[name]: port for name, port in ports.by_name().items()
    }
    assert addresses({name: value for name, value in given.items() if name in PORTS}).items() >= {
        (KAFKA, given[KAFKA]), (REGISTRY, given[REGISTRY]),
    }  # fmt: skip
