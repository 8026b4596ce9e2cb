"""What keeps the signals in containers is set up as the native engines are (files are compared, nothing is run)."""

import json
import re
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml

from stack import Ports, compose
from stack.parts.engines import ENGINES, PROMTOOL, Place, endpoints
from stack.ports import SETTINGS
from stack.settings import StackSettings
from tally.base.cache_folder import cache_folder
from tally.base.settings import load
from tests_support.checkout import ROOT

SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
FOLDER = ROOT / "observability" / "compose"
DASHBOARDS = ROOT / "observability" / "grafana" / "dashboards"
FILES = sorted(FOLDER.rglob("*.yml"))


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((FOLDER / name).read_text(encoding="utf-8"))
    return found


def mounts() -> list[tuple[Path, str]]:
    """Return every file and folder of the checkout that a container sees, and where."""
    whole = [volume for service in SERVICES.values() for volume in service.get("volumes", [])]
    return [(ROOT / each.split(":")[0], each.split(":")[1]) for each in whole if each.startswith("./")]


def test_every_file_parses_and_is_seen_by_a_container() -> None:
    """Each configuration file is valid YAML and mounted, and nothing is mounted that does not exist."""
    seen = {path.resolve() for path, _ in mounts()}
    assert all(path.exists() for path in seen)
    for path in FILES:
        assert isinstance(yaml.safe_load(path.read_text(encoding="utf-8")), dict), path
        assert path in seen or path.parent in seen, path


def test_prometheus_scrapes_the_jobs_of_the_native_stack() -> None:
    """Dashboards and alerts tell services apart by the job; every target is a service, at a port that it listens on."""
    ports = Ports()
    place = Place(data=Path(), run=Path(), ports=ports)
    native = json.loads(ENGINES["prometheus"].configuration(place)["prometheus.yml"])
    own = read("prometheus.yml")
    assert own["global"] == native["global"]
    jobs = {job["job_name"]: job["static_configs"][0]["targets"] for job in own["scrape_configs"]}
    assert jobs.pop("otel-collector") == ["otel-collector:8889"]
    assert [*jobs] == [job["job_name"] for job in native["scrape_configs"]]
    default = {"producer": ports.metrics, "consumer": ports.rest, "kafka": ports.kafka_metrics}
    assert jobs == {name: [f"{name}:{port}"] for name, port in default.items()}
    assert SERVICES["producer"]["environment"]["TALLY_PRODUCER_METRICS_PORT"] == str(ports.metrics)
    assert SERVICES["consumer"]["environment"]["TALLY_REST_PORT"] == str(ports.rest)
    assert f"={ports.kafka_metrics}:" in SERVICES["kafka"]["environment"]["KAFKA_OPTS"]


def test_prometheus_has_the_version_of_the_native_one_and_its_alerts() -> None:
    """Prometheus has the native version and the same alert rules in its container."""
    go_mod = (ROOT / "observability" / "engines" / "prometheus" / "go.mod").read_text()
    module = re.search(r"prometheus/prometheus v0\.(\d)(\d\d)\.(\d+)", go_mod)
    assert module
    assert SERVICES["prometheus"]["image"] == f"prom/prometheus:v{module[1]}.{int(module[2])}.{module[3]}"
    (rules,) = read("prometheus.yml")["rule_files"]
    assert (ROOT / "observability" / "alerts" / "rules.yml", rules) in mounts()


def test_promtool_accepts_what_prometheus_is_given(tmp_path: Path) -> None:
    """promtool accepts the configuration that Prometheus gets, with the alert rules."""
    promtool = PROMTOOL.path_in(cache_folder())
    if not promtool.exists():
        pytest.skip("promtool is not built on this machine: `just observe full` builds it")
    rules = ROOT / "observability" / "alerts" / "rules.yml"
    file = tmp_path / "prometheus.yml"
    file.write_text((FOLDER / "prometheus.yml").read_text().replace("/etc/prometheus/rules.yml", str(rules)))
    done = subprocess.run([promtool, "check", "config", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("service", ["producer", "consumer"])
def test_services_are_given_the_settings_by_which_they_send_to_the_native_engines(service: str) -> None:
    """The same names; the collector takes the place of the engines, and takes both at its port of HTTP."""
    environment = SERVICES[service]["environment"]
    assert {name for name in environment if name.startswith("OTEL_")} == set(endpoints(Ports()))
    receiver = read("otel-collector.yml")["receivers"]["otlp"]["protocols"]["http"]["endpoint"]
    for signal in ("traces", "logs"):
        address = f"http://otel-collector:{receiver.rpartition(':')[2]}/v1/{signal}"
        assert environment[f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"] == f"${{COMPOSE_PROFILES:+{address}}}"


def test_the_collector_uses_all_that_it_defines_and_sends_to_services_that_listen() -> None:
    """The collector uses each part it defines, and its targets are where Tempo, Loki and Kafka listen."""
    collector = read("otel-collector.yml")
    for kind in ("receivers", "processors", "exporters"):
        used = {name for each in collector["service"]["pipelines"].values() for name in each[kind]}
        assert used == set(collector[kind]), kind
    tempo = read("tempo.yml")["distributor"]["receivers"]["otlp"]["protocols"]["grpc"]["endpoint"]
    assert collector["exporters"]["otlp_grpc/tempo"]["endpoint"] == f"tempo:{tempo.rpartition(':')[2]}"
    loki = read("loki.yml")["server"]["http_listen_port"]
    assert collector["exporters"]["otlp_http/loki"]["endpoint"] == f"http://loki:{loki}/otlp"
    (broker,) = collector["receivers"]["kafkametrics"]["brokers"]
    assert broker == SERVICES["producer"]["environment"]["TALLY_KAFKA_BOOTSTRAP_SERVERS"]


def uids(node: object) -> set[str]:
    """Return every datasource's uid that stands anywhere below."""
    if isinstance(node, list):
        return set().union(*map(uids, node))
    if not isinstance(node, dict):
        return set()
    own = {node["datasource"]["uid"]} if isinstance(node.get("datasource"), dict) else set()
    own |= {node["datasourceUid"]} if "datasourceUid" in node else set()
    return own.union(*map(uids, node.values()))


def test_every_datasource_that_is_asked_or_linked_to_exists() -> None:
    """Each datasource that a board or a link names is defined, with the address where its store listens."""
    sources = {each["uid"]: each for each in read("grafana/datasources/tally.yml")["datasources"]}
    boards = [json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS.glob("*.json")]
    asked = set().union(*map(uids, boards)) - {"-- Grafana --"}
    assert asked == {*sources}
    linked = {uid: uids(source["jsonData"]) for uid, source in sources.items()}
    assert linked == {"prometheus": {"tempo"}, "tempo": {"loki", "prometheus"}, "loki": {"tempo"}}
    listening = {"prometheus": 9090, "tempo": read("tempo.yml")["server"]["http_listen_port"], "loki": 3100}
    for uid, source in sources.items():
        address = urlsplit(source["url"])
        assert (address.hostname, address.port) == (uid, listening[uid])


def test_grafana_finds_the_dashboards_and_asks_nobody_to_log_in() -> None:
    """Grafana opens a dashboard of ours as its home page, without a login."""
    inside = read("grafana/dashboards/tally.yml")["providers"][0]["options"]["path"]
    assert (DASHBOARDS, inside) in mounts()
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ENABLED"] == environment["GF_AUTH_DISABLE_LOGIN_FORM"] == "true"
    home = environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert (DASHBOARDS / Path(home).name).exists()
    assert home.startswith(f"{inside}/")
    assert "TALLY_GRAFANA_PORT" not in SETTINGS.values()  # the native stack has no Grafana


@pytest.mark.parametrize(
    ("own", "kept", "in_force"),
    [
        (None, "", "observability"),
        ("", "", ""),
        ("other", "", "other"),
        (None, "COMPOSE_PROFILES=", ""),
        ("other", "COMPOSE_PROFILES=kept", "other"),
    ],
)
def test_the_profile_is_on_unless_the_caller_or_dotenv_names_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own: str | None, kept: str, in_force: str
) -> None:
    """`COMPOSE_PROFILES= just up compose` starts the parts alone, and so does that line in .env."""
    monkeypatch.delenv("COMPOSE_PROFILES", raising=False)
    if own is not None:
        monkeypatch.setenv("COMPOSE_PROFILES", own)
    (tmp_path / ".env").write_text(kept)
    assert compose.environment(tmp_path, load(StackSettings, _env_file=None))["COMPOSE_PROFILES"] == in_force


@pytest.mark.parametrize(
    ("own", "base", "port"), [(None, None, 3000), (3001, None, 3001), (None, 21_000, 21_013), (3001, 21_000, 3001)]
)
def test_grafana_listens_where_it_is_told_else_behind_the_ports_of_the_stack(
    tmp_path: Path, own: int | None, base: int | None, port: int
) -> None:
    """Grafana's port is its own setting's, else the one after the stack's base, else 3000."""
    asked = {name: value for name, value in {"grafana_port": own, "port_base": base}.items() if value is not None}
    settings = load(StackSettings, _env_file=None, **asked)
    assert compose.environment(tmp_path, settings)["TALLY_GRAFANA_PORT"] == str(port)
