"""The containers that `just up compose` starts are what docker-compose.yml and the documents promise."""

import re
import socket
import time
from pathlib import Path

import psutil
import pytest

from tally.base.cache_folder import cache_folder
from tests_support.compose import images
from tests_support.compose.project import STAYING, Project
from tests_support.compose.seen import Seen
from tests_support.waiting import pause

pytestmark = [pytest.mark.compose, pytest.mark.timeout(1_500)]

CONSUMER_MB_MAX = 450
PRODUCER_MB_MAX = 350
KAFKA_IDLE_CPU_S_MAX = 6.0
WINDOW_S = 30.0
WINDOWS = 3
USERS = {"kafka": 1000, "registry": 1001, "producer": 10001, "consumer": 10001}


def test_they_come_up_in_the_declared_order(system: Project) -> None:
    """The contracts start after Kafka and the registry, and the services after the contracts were published."""
    started = {name: system.container(name)["State"]["StartedAt"] for name in (*STAYING, "contracts")}
    ended = system.container("contracts")["State"]
    assert max(started["kafka"], started["registry"]) < started["contracts"]
    assert ended["FinishedAt"] < min(started["producer"], started["consumer"])
    assert ended["ExitCode"] == 0


@pytest.mark.parametrize("service", STAYING)
def test_no_process_in_a_container_is_root_or_has_a_capability(system: Project, service: str) -> None:
    """Its user is the one of the image, as this machine sees it; nothing can be gained."""
    process = psutil.Process(system.pid(service))
    lines = Path(f"/proc/{process.pid}/status").read_text(encoding="ascii").splitlines()
    status = dict(line.split(":\t", 1) for line in lines)
    assert set(process.uids()) == {USERS[service]}
    assert int(status["CapEff"], 16) == int(status["CapPrm"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"].strip() == "1"


@pytest.mark.parametrize("service", ["producer", "consumer"])
def test_a_service_can_write_to_its_volume_and_nowhere_else(system: Project, service: str) -> None:
    """The root is read-only: a file of its own in /app cannot be made, one in /data can."""
    name = f"tally-{service}-1"
    write = "import sys; open(sys.argv[1] + '/probe', 'w').close()"
    with pytest.raises(AssertionError, match="Read-only file system"):
        system.engine.docker("exec", name, "python", "-c", write, "/app")
    system.engine.docker("exec", name, "python", "-c", f"{write}; import os; os.remove('/data/probe')", "/data")


def test_every_published_port_is_one_of_loopback_and_where_the_port_base_has_it(system: Project) -> None:
    """TALLY_PORT_BASE moves containers as it moves the native stack; nothing listens for other machines."""
    published = {}
    for service in STAYING:
        for inside, bound in system.container(service)["NetworkSettings"]["Ports"].items():
            for each in bound or []:
                assert each["HostIp"] == "127.0.0.1"
                published[inside] = int(each["HostPort"])
    ports = system.ports
    own = {"9092": ports.kafka, "8080": ports.registry, "50051": ports.grpc, "9464": ports.metrics, "8000": ports.rest}
    assert published == {f"{inside}/tcp": port for inside, port in own.items()}
    listening = {
        each.laddr.ip for each in psutil.net_connections("tcp") if each.laddr and each.laddr.port in own.values()
    }
    assert listening <= {"127.0.0.1"}


def test_nothing_is_stored_in_a_volume_without_a_name(system: Project) -> None:
    """Only the named volumes of the staying parts exist, although Kafka's image declares others."""
    volumes = system.engine.docker("volume", "ls", "--quiet").split()
    assert sorted(volumes) == [f"tally_{service}-data" for service in sorted(STAYING)]


def test_the_log_of_every_container_is_bounded(system: Project) -> None:
    """Each container's log is kept in five files of 10 MB at most."""
    for service in (*STAYING, "contracts"):
        log = system.container(service)["HostConfig"]["LogConfig"]
        assert (log["Type"], log["Config"]) == ("json-file", {"max-size": "10m", "max-file": "5"})


def test_the_images_of_the_services_hold_their_packages_once(system: Project, seen: Seen) -> None:
    """The consumer has 450 MB at most, the producer 350, Python's own image (here: its stand-in) included."""
    sizes = {}
    for name in ("consumer", "producer", "contracts"):
        sizes[name] = int(system.engine.docker("image", "inspect", "--format", "{{.Size}}", f"tally-{name}")) / 1e6
        seen.add(f"image of the {name}", sizes[name], "MB")
    seen.add("of which the stand-in for Python's image", _size_mb(system, images.asked_for("PYTHON")), "MB")
    assert sizes["consumer"] <= CONSUMER_MB_MAX
    assert sizes["producer"] <= PRODUCER_MB_MAX


def _size_mb(system: Project, image: str) -> float:
    return int(system.engine.docker("image", "inspect", "--format", "{{.Size}}", image)) / 1e6


def test_an_idle_broker_costs_little(system: Project, seen: Seen) -> None:
    """Once warm, it takes 6 CPU seconds a minute at most, its health checks included: they start no Java."""
    windows_s = [_cpu_a_minute_s(system, "kafka") for _ in range(WINDOWS)]
    for used_s in windows_s:
        seen.add("CPU of Kafka at idle, a minute", used_s, "s")
    assert min(windows_s) <= KAFKA_IDLE_CPU_S_MAX


def _cpu_a_minute_s(system: Project, service: str) -> float:
    before_s, began_s = system.cpu_s(service), time.monotonic()
    pause(WINDOW_S)
    return (system.cpu_s(service) - before_s) * 60 / (time.monotonic() - began_s)


def test_the_health_check_of_kafka_tells_a_broker_that_is_away(system: Project) -> None:
    """It says so of a port on which nobody listens, and of one on which somebody else does."""
    check = ["exec", "tally-kafka-1", "bash", "/opt/tally/health.sh"]
    system.engine.docker(*check, "29092")
    with pytest.raises(AssertionError, match="nothing listens on port 1"):
        system.engine.docker(*check, "1")
    with pytest.raises(AssertionError, match=r"no answer|not Kafka's"):
        system.engine.docker(*check, "9404")


def test_status_shows_the_containers_whatever_the_environment_says(system: Project) -> None:
    """Status asks the engine, whatever the settings, project and profiles are, and shows no stopped native part."""
    elsewhere = {"TALLY_DATA_DIR": str(cache_folder() / "nowhere"), "TALLY_PORT_BASE": "30100"}
    for more in ({}, elsewhere, {"COMPOSE_PROJECT_NAME": "other", "COMPOSE_PROFILES": "observability"}):
        shown = system.stack("status", **more)
        rows = dict(re.findall(r"^(\S+) +(ready|done|stopped|crashed)", shown.stdout, re.MULTILINE))
        assert rows == dict.fromkeys(STAYING, "ready") | {"contracts": "done"}
        assert shown.returncode == 0


def test_a_port_that_somebody_has_is_told_with_its_owner_before_anything_starts(system: Project) -> None:
    """Another checkout's or a native Tally's port; our own containers' ports are no obstacle, see `up` again below."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        refused = system.stack("up", "compose", TALLY_REST_PORT=str(port))
    assert refused.returncode == 1
    assert f"port {port} (rest) is taken by process" in refused.stdout
    assert "set TALLY_REST_PORT to another port" in refused.stdout
    assert "docker compose builds" not in refused.stdout


def test_up_again_changes_nothing(system: Project) -> None:
    """A second `up` keeps each container and its process as they are."""
    before = {service: system.pid(service) for service in STAYING}
    again = system.stack("up", "compose")
    assert again.returncode == 0, again.stdout[-2000:]
    assert {service: system.pid(service) for service in STAYING} == before
