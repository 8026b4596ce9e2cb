"""docker-compose.yml as docker-compose itself understands it. No engine is needed or used; nothing is started."""

import json
import subprocess
from pathlib import Path

import pytest

from stack import Ports
from stack.fetch.go_programs import CannotBuildError
from tests_support.compose.tool import docker_compose

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]


@pytest.fixture(scope="module")
def compose() -> Path:
    try:
        return docker_compose()
    except CannotBuildError as error:
        pytest.skip(str(error))


def config(compose: Path, file: Path, **settings: str) -> subprocess.CompletedProcess[str]:
    command = [str(compose), "-f", str(file), "--project-directory", str(ROOT), "config", "--format", "json"]
    return subprocess.run(
        command, env={"PATH": "/usr/bin:/bin", **settings}, capture_output=True, text=True, timeout=60, check=False
    )


def test_the_file_is_accepted_and_says_what_the_native_stack_does(compose: Path) -> None:
    """docker-compose accepts the file, with loopback ports, an ordinary user and the native settings."""
    done = config(compose, ROOT / "docker-compose.yml")
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    assert set(services) == {"kafka", "registry", "contracts", "producer", "consumer"}  # no profile is on
    assert services["producer"]["environment"]["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == ""
    published = {int(p["published"]): p["host_ip"] for each in services.values() for p in each.get("ports", [])}
    default = Ports()
    assert {default.kafka, default.registry, default.grpc, default.rest} <= set(published)
    assert set(published.values()) == {"127.0.0.1"}
    # Anchors are resolved here, as an engine would see them.
    for name in ("contracts", "producer", "consumer"):
        assert services[name]["user"] == "10001:10001"
        assert services[name]["read_only"] is True
        assert services[name]["cap_drop"] == ["ALL"]
    assert services["producer"]["environment"]["TALLY_KAFKA_BOOTSTRAP_SERVERS"] == "kafka:29092"
    assert "$line" in services["registry"]["healthcheck"]["test"][-1]


def test_the_profile_of_observability_adds_what_keeps_the_signals_and_lets_services_send(compose: Path) -> None:
    """The profile adds the stores of signals on loopback, and services export to its collector."""
    done = config(compose, ROOT / "docker-compose.yml", COMPOSE_PROFILES="observability")
    assert done.returncode == 0, done.stderr
    services = json.loads(done.stdout)["services"]
    assert {"otel-collector", "tempo", "loki", "prometheus", "grafana"} <= set(services)
    for name in ("producer", "consumer"):
        environment = services[name]["environment"]
        assert environment["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] == "http://otel-collector:4318/v1/traces"
        assert environment["OTEL_EXPORTER_OTLP_LOGS_ENDPOINT"] == "http://otel-collector:4318/v1/logs"
    published = [port["host_ip"] for each in services.values() for port in each.get("ports", [])]
    assert set(published) == {"127.0.0.1"}


def test_a_setting_moves_the_published_port_and_what_kafka_tells_its_clients(compose: Path) -> None:
    """TALLY_KAFKA_PORT moves the published port and the address that Kafka advertises."""
    done = config(compose, ROOT / "docker-compose.yml", TALLY_KAFKA_PORT="19999")
    kafka = json.loads(done.stdout)["services"]["kafka"]
    assert [port["published"] for port in kafka["ports"]] == ["19999"]
    assert "HOST://127.0.0.1:19999" in kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"]


def test_an_unknown_key_is_refused_so_that_acceptance_means_something(compose: Path, tmp_path: Path) -> None:
    """docker-compose refuses a misspelt key by name."""
    wrong = tmp_path / "wrong.yml"
    wrong.write_text(
        (ROOT / "docker-compose.yml").read_text().replace("    image: tally-kafka", "    imagee: tally-kafka")
    )
    done = config(compose, wrong)
    assert done.returncode != 0
    assert "imagee" in done.stderr
