"""What `just observe` starts: single programs that keep the signals and answer questions about them, without Docker.

The quick set is VictoriaMetrics (scrapes the services; has a page), VictoriaLogs (takes logs by OTLP; has a page) and
Jaeger (takes traces by OTLP; its API answers, its page is not part of its Go module). The full set has Prometheus
beside them, which scrapes the same and holds the alerts.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from observability import catalogue
from observability.jmx import kept
from stack.fetch.go_programs import ROOT, GoProgram
from stack.ports import HOST, Ports

EngineName = Literal["victoria-metrics", "victoria-logs", "jaeger", "prometheus"]
EngineSet = Literal["quick", "full"]

SETS: Final[Mapping[EngineSet, tuple[EngineName, ...]]] = {
    "quick": ("victoria-metrics", "victoria-logs", "jaeger"),
    "full": ("victoria-metrics", "victoria-logs", "jaeger", "prometheus"),
}

_MODULES: Final = ROOT / "observability" / "engines"
_RULES: Final = ROOT / "observability" / "alerts" / "rules.yml"
_BOARDS: Final = ROOT / "observability" / "vmui"
_SCRAPE_INTERVAL: Final = "5s"
_KEEP_METRICS: Final = "30d"
_KEEP_LOGS: Final = "14d"
_KEEP_SPANS: Final = "168h"


@dataclass(frozen=True)
class Place:
    """Where an engine keeps its data and its configuration, and the ports of its stack."""

    data: Path
    run: Path
    ports: Ports


@dataclass(frozen=True)
class Engine:
    """One engine. ``port`` is a field of Ports; ``page`` is what a person opens, "" when there is nothing to see."""

    program: GoProgram
    port: str
    ready_path: str
    page: str
    arguments: Callable[[Place], Sequence[str]]
    configuration: Callable[[Place], Mapping[str, str]]


def _scraping(place: Place) -> dict[str, str]:
    """Return the scrape configuration by file name; JSON is YAML."""
    ports = place.ports
    targets = {"producer": ports.metrics, "consumer": ports.rest, "kafka": ports.kafka_metrics}
    jobs: list[dict[str, Any]] = [
        {"job_name": name, "static_configs": [{"targets": [f"{HOST}:{port}"]}]} for name, port in targets.items()
    ]
    ours = "|".join(kept(catalogue.load()))  # the agent tells more of Java than anybody asks for
    jobs[-1]["metric_relabel_configs"] = [{"source_labels": ["__name__"], "regex": ours, "action": "keep"}]
    return {"scrape.yml": json.dumps({"global": {"scrape_interval": _SCRAPE_INTERVAL}, "scrape_configs": jobs})}


def _prometheus_configuration(place: Place) -> dict[str, str]:
    scraping = json.loads(_scraping(place)["scrape.yml"])
    if _RULES.exists():
        scraping["rule_files"] = [str(_RULES)]
    return {"prometheus.yml": json.dumps(scraping)}


def _jaeger_configuration(place: Place) -> dict[str, str]:
    ports = place.ports
    folder = str(place.data / "jaeger").replace("$", "$$")  # one alone begins a variable there
    badger = {
        "directories": {"keys": f"{folder}/keys", "values": f"{folder}/values"},
        "ephemeral": False,
        "ttl": {"spans": _KEEP_SPANS},
    }
    configuration = {
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query", "healthcheckv2"],
            "pipelines": {
                "traces": {"receivers": ["otlp"], "processors": ["batch"], "exporters": ["jaeger_storage_exporter"]}
            },
            "telemetry": {"metrics": {"level": "none"}, "logs": {"level": "warn"}},
        },
        "extensions": {
            "healthcheckv2": {"use_v2": True, "http": {"endpoint": f"{HOST}:0"}},
            "jaeger_storage": {"backends": {"spans": {"badger": badger}}},
            "jaeger_query": {
                "storage": {"traces": "spans"},
                "http": {"endpoint": f"{HOST}:{ports.traces_engine}"},
                "grpc": {"endpoint": f"{HOST}:0"},
            },
        },
        "receivers": {"otlp": {"protocols": {"http": {"endpoint": f"{HOST}:{ports.otlp}"}}}},
        "processors": {"batch": {}},
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "spans"}},
    }
    return {"jaeger.yml": json.dumps(configuration, ensure_ascii=False)}


ENGINES: Final[Mapping[EngineName, Engine]] = {
    "victoria-metrics": Engine(
        GoProgram(
            "victoria-metrics",
            _MODULES / "victoria_metrics",
            "github.com/VictoriaMetrics/VictoriaMetrics/app/victoria-metrics",
            seconds=40,
        ),
        port="metrics_engine",
        ready_path="/health",
        page="/vmui/#/dashboards",
        arguments=lambda place: [
            f"-httpListenAddr={HOST}:{place.ports.metrics_engine}",
            f"-storageDataPath={place.data / 'victoria-metrics'}",
            f"-promscrape.config={place.run / 'scrape.yml'}",
            f"-retentionPeriod={_KEEP_METRICS}",
            "-memory.allowedBytes=256MB",
            f"-vmui.customDashboardsPath={_BOARDS}",
            "-search.latencyOffset=1s",  # a scrape shows after a second, not after half a minute
            "-promscrape.suppressScrapeErrorsDelay=1m",  # services that are being started are no news
            "-loggerLevel=WARN",
        ],
        configuration=_scraping,
    ),
    "victoria-logs": Engine(
        GoProgram(
            "victoria-logs",
            _MODULES / "victoria_logs",
            "github.com/VictoriaMetrics/VictoriaLogs/app/victoria-logs",
            seconds=30,
        ),
        port="logs_engine",
        ready_path="/health",
        page="/select/vmui",
        arguments=lambda place: [
            f"-httpListenAddr={HOST}:{place.ports.logs_engine}",
            f"-storageDataPath={place.data / 'victoria-logs'}",
            f"-retentionPeriod={_KEEP_LOGS}",
            "-memory.allowedBytes=256MB",
            "-loggerLevel=WARN",
        ],
        configuration=lambda _: {},
    ),
    "jaeger": Engine(
        GoProgram(
            "jaeger",
            _MODULES / "jaeger",
            "github.com/jaegertracing/jaeger/cmd/jaeger",
            seconds=240,
        ),
        port="traces_engine",
        ready_path="/api/services",
        page="",
        arguments=lambda place: [f"--config=file:{place.run / 'jaeger.yml'}"],
        configuration=_jaeger_configuration,
    ),
    "prometheus": Engine(
        GoProgram(
            "prometheus",
            _MODULES / "prometheus",
            "github.com/prometheus/prometheus/cmd/prometheus",
            seconds=155,
            tags="remove_all_sd,enable_dns_sd",
        ),
        port="prometheus",
        ready_path="/-/ready",
        page="/alerts",
        arguments=lambda place: [
            f"--web.listen-address={HOST}:{place.ports.prometheus}",
            f"--config.file={place.run / 'prometheus.yml'}",
            f"--storage.tsdb.path={place.data / 'prometheus'}",
            f"--storage.tsdb.retention.time={_KEEP_METRICS}",
            "--enable-feature=exemplar-storage",
            "--web.enable-otlp-receiver",
            "--log.level=warn",
        ],
        configuration=_prometheus_configuration,
    ),
}

PROMTOOL: Final = GoProgram(
    "promtool",
    _MODULES / "prometheus",
    "github.com/prometheus/prometheus/cmd/promtool",
    seconds=60,
    tags="remove_all_sd,enable_dns_sd",
)
"""Checks the rules of the alerts and runs their tests."""


def endpoints(ports: Ports, engines: Collection[EngineName] = tuple(ENGINES)) -> dict[str, str]:
    """Return the settings by which services send traces and logs to these engines; metrics are scraped."""
    addresses: dict[EngineName, dict[str, str]] = {
        "jaeger": {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"http://{HOST}:{ports.otlp}/v1/traces"},
        "victoria-logs": {
            "OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": f"http://{HOST}:{ports.logs_engine}/insert/opentelemetry/v1/logs"
        },
    }
    named = {key: value for name in addresses if name in engines for key, value in addresses[name].items()}
    return {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf", **named} if named else {}
