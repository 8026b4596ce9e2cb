"""What `just up` and its relatives read from the environment and ``.env``."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from dotenv import dotenv_values
from pydantic import Field

from stack.ports import GRAFANA_PORT, SETTINGS, Ports
from tally.base.settings import Settings

_OWN_PREFIXES = ("TALLY_", "OTEL_")
Port = Annotated[int, Field(ge=1, le=65_535)]


class StackSettings(Settings):
    """Settings of the native stack. Those of the services are passed on to them."""

    port_base: int | None = Field(
        None,
        ge=1_024,
        le=65_535 - len(SETTINGS),
        description="Moves all ports: Kafka, its controller, registry, its management, gRPC, REST, metrics, and "
        "the ports of `just observe`.",
    )
    grpc_port: Port | None = Field(None, description="Port of the producer's gRPC service; 50051.")
    rest_port: Port | None = Field(None, description="Port of the consumer's REST service; 8000.")
    producer_metrics_port: Port | None = Field(None, description="Port of the producer's metrics; 9464.")
    kafka_port: Port | None = Field(None, description="Port of the native Kafka; 9092.")
    kafka_controller_port: Port | None = Field(None, description="Port of Kafka's controller; 9093.")
    registry_port: Port | None = Field(None, description="Port of the native schema registry; 8081.")
    registry_management_port: Port | None = Field(None, description="Port of the registry's own health; 8082.")
    otlp_port: Port | None = Field(None, description="Port where `just observe` takes traces by OTLP over HTTP; 4318.")
    traces_engine_port: Port | None = Field(None, description="Port of the trace store of `just observe`; 16686.")
    logs_engine_port: Port | None = Field(None, description="Port of the log store of `just observe`; 9428.")
    metrics_engine_port: Port | None = Field(None, description="Port of the metrics' store of `just observe`; 8428.")
    prometheus_port: Port | None = Field(None, description="Port of the Prometheus of `just observe full`; 9090.")
    kafka_metrics_port: Port | None = Field(
        None, description="Port of the native Kafka's metrics, once observed; 9404."
    )
    grafana_port: Port | None = Field(
        None, description="Port of Grafana, which only `just up compose` has; 3000, or the one after the port base's."
    )
    kafka_jit: Literal["fast", "full"] = Field(
        "fast", description="fast: Kafka starts in seconds; full: it is quicker once warm, for load tests."
    )
    kafka_heap_mb: int = Field(512, ge=128, le=65_536, description="Kafka's heap; 128 halves the throughput.")
    java: Literal["bundled", "system"] = Field(
        "bundled", description="bundled: the JDK of the environment; system: that of JAVA_HOME, 21 or newer."
    )
    up_timeout_s: int = Field(120, ge=10, le=3_600, description="Longest wait for all parts to be ready.")

    def ports(self) -> Ports:
        """Return the ports in force. Raises StackError when two parts would share one."""
        base = Ports() if self.port_base is None else Ports.at_base(self.port_base)
        chosen = {name: getattr(self, variable.removeprefix("TALLY_").lower()) for name, variable in SETTINGS.items()}
        return base.moved({name: port for name, port in chosen.items() if port is not None})

    def grafana(self) -> int:
        """Return Grafana's port: as set, else the one after those of the base, else the default."""
        if self.grafana_port is not None:
            return self.grafana_port
        return GRAFANA_PORT if self.port_base is None else self.port_base + len(SETTINGS)


def passed_on(dotenv: Path, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the settings of Tally and OpenTelemetry that the services are to see, those of ``.env`` included."""
    both = {**dotenv_values(dotenv), **environment} if dotenv.is_file() else dict(environment)
    return {name: value for name, value in both.items() if name.startswith(_OWN_PREFIXES) and value is not None}
