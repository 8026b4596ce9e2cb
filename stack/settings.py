"""What `just up` and its relatives read from the environment and ``.env``."""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from stack.ports import SETTINGS, Ports
from tally.base.settings import Settings, port_field

_OWN_PREFIXES = ("TALLY_", "OTEL_")


class StackSettings(Settings):
    """Settings of the native stack. Those of the services are passed on to them."""

    kafka_controller_port: int = port_field("kafka_controller_port", "Port of Kafka's controller.")
    registry_management_port: int = port_field("registry_management_port", "Port of the registry's own health.")
    grpc_port: int = port_field("grpc_port", "Port of the producer's gRPC service.")
    rest_port: int = port_field("rest_port", "Port of the consumer's REST service.")
    producer_metrics_port: int = port_field("producer_metrics_port", "Port of the producer's metrics.")
    otlp_port: int = port_field("otlp_port", "Port where `just observe` takes traces by OTLP over HTTP.")
    traces_engine_port: int = port_field("traces_engine_port", "Port of the trace store of `just observe`.")
    logs_engine_port: int = port_field("logs_engine_port", "Port of the log store of `just observe`.")
    metrics_engine_port: int = port_field("metrics_engine_port", "Port of the metrics' store of `just observe`.")
    prometheus_port: int = port_field("prometheus_port", "Port of the Prometheus of `just observe full`.")
    kafka_metrics_port: int = port_field("kafka_metrics_port", "Port of the native Kafka's metrics, once observed.")
    grafana_port: int = port_field("grafana_port", "Port of Grafana, which only `just up compose` has.")
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
        return Ports().moved({name: getattr(self, of.removeprefix("TALLY_").lower()) for name, of in SETTINGS.items()})


def passed_on(variables: Mapping[str, str]) -> dict[str, str]:
    """Return of some variables the settings of Tally and OpenTelemetry, which the services are to see."""
    return {name: value for name, value in variables.items() if name.startswith(_OWN_PREFIXES)}
