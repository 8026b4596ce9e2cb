"""Where the parts of a system are: the one place that decides it, for services, commands, tools and containers.

A setting of its own wins over TALLY_PORT_BASE, which moves every port, and this over the default. Kafka's and the
registry's addresses follow from their ports, unless they are set.
"""

from collections.abc import Mapping
from typing import Final

HOST: Final = "127.0.0.1"
"""Everything listens on loopback unless told otherwise."""

BASE: Final = "TALLY_PORT_BASE"

PORTS: Final[Mapping[str, int]] = {
    "TALLY_KAFKA_PORT": 9092,
    "TALLY_KAFKA_CONTROLLER_PORT": 9093,
    "TALLY_REGISTRY_PORT": 8081,
    "TALLY_REGISTRY_MANAGEMENT_PORT": 8082,
    "TALLY_GRPC_PORT": 50051,
    "TALLY_REST_PORT": 8000,
    "TALLY_PRODUCER_METRICS_PORT": 9464,
    "TALLY_OTLP_PORT": 4318,
    "TALLY_TRACES_ENGINE_PORT": 16686,
    "TALLY_LOGS_ENGINE_PORT": 9428,
    "TALLY_METRICS_ENGINE_PORT": 8428,
    "TALLY_PROMETHEUS_PORT": 9090,
    "TALLY_KAFKA_METRICS_PORT": 9404,
    "TALLY_GRAFANA_PORT": 3000,
}
"""Every port's setting and default. With a base, they are the base and the numbers after it, in this order."""

PORT_MAX: Final = 65_535
BASE_MIN: Final = 1_024
BASE_MAX: Final = PORT_MAX - len(PORTS) + 1

KAFKA: Final = "TALLY_KAFKA_BOOTSTRAP_SERVERS"
REGISTRY: Final = "TALLY_REGISTRY_URL"
REGISTRY_PATH: Final = "/apis/ccompat/v7"

CLUSTER_ID_KEY: Final = "tally-cluster-id"
"""The metadata by which the producer's health names the Kafka cluster that it adds to: two systems never share one."""


def addresses(given: Mapping[str, object]) -> dict[str, int | str]:
    """Return what is in force of every setting that says where a part is, by its variable.

    ``given`` has the settings that are set, by variable; empty means not set. A base or a port that is no number is
    passed over here: whoever reads the settings refuses it by its name.
    """
    base = _number(given.get(BASE))
    ports: dict[str, int] = {}
    for place, (name, default) in enumerate(PORTS.items()):
        own = _number(given.get(name))
        ports[name] = own if own is not None else default if base is None else base + place
    return {
        **ports,
        KAFKA: str(given.get(KAFKA) or f"{HOST}:{ports['TALLY_KAFKA_PORT']}"),
        REGISTRY: str(given.get(REGISTRY) or f"http://{HOST}:{ports['TALLY_REGISTRY_PORT']}{REGISTRY_PATH}"),
    }


def _number(value: object) -> int | None:
    text = "" if value is None else str(value).strip()
    return int(text) if text.isascii() and text.isdecimal() else None
