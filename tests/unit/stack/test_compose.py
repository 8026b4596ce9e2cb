"""docker-compose.yml and the Dockerfile describe the same system as the native stack (compared here, not run)."""

import re
from pathlib import Path

import pytest
import yaml

from consumer.settings import ConsumerSettings
from producer.settings import ProducerSettings
from stack import Ports
from stack.fetch.locks import KAFKA_LOCK, REGISTRY_LOCK, read, version_of
from stack.parts.engines import ENGINES
from stack.parts.kafka import PROPERTIES as KAFKA_PROPERTIES
from stack.parts.registry import PROPERTIES as REGISTRY_PROPERTIES
from stack.parts.services import publish_command
from stack.ports import SETTINGS
from tally.base.addresses import REGISTRY_PATH

ROOT = Path(__file__).resolve().parents[3]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
OWN = ("contracts", "producer", "consumer")
PARTS = ("kafka", "registry", *OWN)
SIGNALS = ("otel-collector", "tempo", "loki", "prometheus", "grafana")

# What a container must have otherwise: names instead of loopback, and a listener more for programs of the host.
DIFFERENT_IN_CONTAINERS = {"listener.security.protocol.map", "quarkus.http.host", "quarkus.management.host"}
NATIVE_ONLY = {"quarkus.log.console.format"}


def variable_of(name: str, prefix: str = "") -> str:
    return prefix + re.sub(r"[^a-z0-9]", "_", name).upper()


def test_the_parts_are_the_same():
    """Compose has the native parts, and the stores of signals in a profile of their own."""
    assert list(SERVICES) == [*PARTS, *SIGNALS]
    assert [name for name, service in SERVICES.items() if service.get("profiles") == ["observability"]] == [*SIGNALS]


def test_kafka_and_the_registry_have_the_versions_of_the_native_locks():
    """The images of Kafka and the registry have the versions that the native locks pin."""
    kafka = version_of(read(KAFKA_LOCK), "kafka_2.13")
    assert f"ARG KAFKA=apache/kafka:{kafka}\n" in DOCKERFILE
    assert SERVICES["kafka"]["image"] == f"tally-kafka:{kafka}"
    registry = version_of(read(REGISTRY_LOCK), "apicurio-registry-app")
    assert f"ARG REGISTRY=apicurio/apicurio-registry:{registry}\n" in DOCKERFILE
    assert SERVICES["registry"]["image"] == f"tally-registry:{registry}"


@pytest.mark.parametrize("name", sorted(set(KAFKA_PROPERTIES) - DIFFERENT_IN_CONTAINERS))
def test_kafka_has_the_settings_of_the_native_broker(name):
    """Each broker property of the native stack has the same value in the container."""
    assert SERVICES["kafka"]["environment"][variable_of(name, "KAFKA_")] == KAFKA_PROPERTIES[name]


def test_kafka_has_no_setting_that_the_native_broker_lacks():
    """The Kafka container sets only native properties, addresses and the options of its Java."""
    native = {variable_of(name, "KAFKA_") for name in KAFKA_PROPERTIES}
    addresses = {"KAFKA_LISTENERS", "KAFKA_ADVERTISED_LISTENERS", "KAFKA_CONTROLLER_QUORUM_VOTERS", "KAFKA_LOG_DIRS"}
    assert set(SERVICES["kafka"]["environment"]) <= native | addresses | {"CLUSTER_ID", "KAFKA_HEAP_OPTS", "KAFKA_OPTS"}


@pytest.mark.parametrize("name", sorted(set(REGISTRY_PROPERTIES) - DIFFERENT_IN_CONTAINERS - NATIVE_ONLY))
def test_the_registry_has_the_settings_of_the_native_one(name):
    """Each registry property of the native stack has the same value in the container."""
    assert SERVICES["registry"]["environment"][variable_of(name)] == REGISTRY_PROPERTIES[name]


def test_the_registry_writes_before_it_acknowledges():
    """The registry's database writes without delay to a volume, so an acknowledged schema survives a kill."""
    url = SERVICES["registry"]["environment"]["APICURIO_DATASOURCE_URL"]
    assert url.endswith(";WRITE_DELAY=0")
    assert url.startswith("jdbc:h2:file:/data/")
    assert SERVICES["registry"]["volumes"] == ["registry-data:/data"]


def test_every_port_is_published_on_loopback_with_the_default_and_the_setting_of_the_native_stack():
    """Containers publish the native ports, under the same settings, on loopback only."""
    published = {}
    for service in SERVICES.values():
        for text in service.get("ports", []):
            match = re.fullmatch(r"127\.0\.0\.1:\$\{(\w+):-(\d+)\}:\d+", text)
            assert match, text
            published[match[1]] = int(match[2])
    engines = {engine.port for name, engine in ENGINES.items() if name != "prometheus"}
    inside_only = {"controller", "registry_management", *engines, "otlp", "kafka_metrics"}
    native = {SETTINGS[name]: port for name, port in Ports().by_name().items() if name not in inside_only}
    assert published == native | {"TALLY_GRAFANA_PORT": 3000}


def test_every_part_that_stays_has_a_health_check_and_keeps_its_data_in_a_volume_of_its_own():
    """Each long-running part has a health check, a grace period for its stop and a volume of its own."""
    staying = {name: SERVICES[name] for name in PARTS if name != "contracts"}
    assert all("healthcheck" in service and "stop_grace_period" in service for service in staying.values())
    volumes = [volume.partition(":")[0] for service in staying.values() for volume in service["volumes"]]
    of_signals = [f"{name}-data" for name in SIGNALS if name != "otel-collector"]
    assert sorted([*volumes, *of_signals]) == sorted(COMPOSE["volumes"])
    assert len(volumes) == len(staying)


def test_a_loaded_machine_has_five_minutes_until_a_failed_check_counts():
    """A check that succeeds is not delayed by it; the registry took 64 s once."""
    checks = {name: service["healthcheck"] for name, service in SERVICES.items() if "healthcheck" in service}
    assert set(checks) == {*PARTS, "prometheus", "grafana"} - {"contracts"}
    for check in checks.values():
        assert (check["start_period"], check["start_interval"]) == ("300s", "1s")
    assert set(re.findall(r"--start-period=(\w+)", DOCKERFILE)) == {"300s"}


def test_the_health_check_of_kafka_starts_no_java():
    """Kafka's health check is a script of ours in the image, which starts no Java."""
    assert SERVICES["kafka"]["healthcheck"]["test"] == ["CMD", "bash", "/opt/tally/health.sh", "29092"]
    assert "COPY stack/kafka_health.sh /opt/tally/health.sh" in DOCKERFILE
    assert "java" not in re.sub(r"^#.*$", "", (ROOT / "stack" / "kafka_health.sh").read_text(), flags=re.MULTILINE)
    assert "PLAINTEXT://:29092" in SERVICES["kafka"]["environment"]["KAFKA_LISTENERS"]


def test_the_log_of_every_container_is_bounded():
    """An engine's own default is a file without an end."""
    for service in SERVICES.values():
        assert service["logging"] == {"driver": "json-file", "options": {"max-size": "10m", "max-file": "5"}}


def test_every_volume_that_an_image_declares_has_a_name_or_is_in_memory():
    """Each volume of Kafka's image is named or in memory, so that `down` leaves none without a name."""
    assert SERVICES["kafka"]["volumes"] == ["kafka-data:/var/lib/kafka/data"]
    assert set(SERVICES["kafka"]["tmpfs"]) == {"/etc/kafka/secrets", "/mnt/shared/config"}


def test_the_dockerfile_asks_for_no_frontend_and_stores_the_packages_once_in_an_image():
    """The first line of a Dockerfile can send BuildKit to a public registry; two copies are two layers."""
    assert "syntax=" not in DOCKERFILE
    stages: dict[str, int] = {}
    for text in re.split(r"^FROM ", DOCKERFILE, flags=re.MULTILINE)[1:]:
        origin, _, name = text.splitlines()[0].partition(" AS ")
        stages[name] = stages.get(origin, 0) + text.count(" /opt/tally\n")
    assert {name: stages[name] for name in OWN} == dict.fromkeys(OWN, 1)


def test_services_start_after_the_contracts_are_published_and_these_after_kafka_and_the_registry_are_healthy():
    """Contracts wait for a healthy Kafka and registry, and the services also for the contracts."""
    healthy = {"kafka": {"condition": "service_healthy"}, "registry": {"condition": "service_healthy"}}
    assert SERVICES["contracts"]["depends_on"] == healthy
    for name in ("producer", "consumer"):
        published = {"contracts": {"condition": "service_completed_successfully"}}
        assert SERVICES[name]["depends_on"] == healthy | published


def test_services_run_without_root_and_cannot_write_outside_their_volume():
    """Tally's containers run as an ordinary user, read-only, and no container has capabilities."""
    for name in OWN:
        assert SERVICES[name]["user"] == "10001:10001"
        assert SERVICES[name]["read_only"] is True
    assert all(service["cap_drop"] == ["ALL"] for service in SERVICES.values())
    assert [line for line in DOCKERFILE.splitlines() if line.startswith("USER")][:1] == ["USER 10001:10001"]


def test_every_image_is_pinned_by_a_full_version():
    """Each image of the composition and the Dockerfile is named with a version of three parts."""
    others = [each["image"] for each in SERVICES.values() if not each["image"].startswith("tally-")]
    images = [*re.findall(r"^ARG \w+=(\S+)$", DOCKERFILE, re.MULTILINE), *others]
    assert len(images) == 8
    for image in images:
        assert re.search(r":v?\d+\.\d+\.\d+", image), image


def test_the_contracts_are_published_by_the_same_command():
    """The contracts container publishes with the command of the native stack and the containers' addresses."""
    native = publish_command("REGISTRY", "KAFKA")[1:]
    entry = re.search(r"AS contracts\n.*?ENTRYPOINT (\[.*?\])", DOCKERFILE, re.DOTALL)
    assert entry
    in_container = [*yaml.safe_load(entry[1])[1:], *SERVICES["contracts"]["command"]]
    assert in_container == [
        {"REGISTRY": f"http://registry:8080{REGISTRY_PATH}", "KAFKA": "kafka:29092"}.get(word, word) for word in native
    ]


@pytest.mark.parametrize(("name", "settings"), [("producer", ProducerSettings), ("consumer", ConsumerSettings)])
def test_every_setting_that_a_container_is_given_exists(name, settings):
    """Each TALLY_ variable that a container is given is a setting of its service."""
    known = {f"TALLY_{field.upper()}" for field in settings.model_fields}
    stage = DOCKERFILE.split(f"AS {name}\n")[1].split("\nFROM")[0]
    base = DOCKERFILE.split("AS base\n")[1].split("\nFROM")[0]
    given = set(re.findall(r"\b(TALLY_\w+)=", base + stage)) | set(SERVICES[name]["environment"])
    assert {each for each in given if not each.startswith("OTEL_")} <= known


def test_an_image_copies_what_exists_and_the_build_context_holds_it():
    """Each path that the Dockerfile copies exists and is allowed by .dockerignore."""
    allowed = (ROOT / ".dockerignore").read_text()
    for source in re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.MULTILINE):
        assert (ROOT / source).exists(), source
        assert any(f"\n!{each}\n" in allowed for each in (source, *map(str, Path(source).parents))), source
