"""The loopback ports of one stack: where they come from, and who holds one that is taken."""

import random
import socket
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Self

from stack.errors import StackError
from stack.parts.port_owner import owner_of
from tally.base import addresses
from tally.base.addresses import BASE, KAFKA, PORTS, REGISTRY

HOST: Final = addresses.HOST

SETTINGS: Final[Mapping[str, str]] = {
    "kafka": "TALLY_KAFKA_PORT",
    "controller": "TALLY_KAFKA_CONTROLLER_PORT",
    "registry": "TALLY_REGISTRY_PORT",
    "registry_management": "TALLY_REGISTRY_MANAGEMENT_PORT",
    "grpc": "TALLY_GRPC_PORT",
    "rest": "TALLY_REST_PORT",
    "metrics": "TALLY_PRODUCER_METRICS_PORT",
    "otlp": "TALLY_OTLP_PORT",
    "traces_engine": "TALLY_TRACES_ENGINE_PORT",
    "logs_engine": "TALLY_LOGS_ENGINE_PORT",
    "metrics_engine": "TALLY_METRICS_ENGINE_PORT",
    "prometheus": "TALLY_PROMETHEUS_PORT",
    "kafka_metrics": "TALLY_KAFKA_METRICS_PORT",
}
"""The setting that moves each port."""

GRAFANA_SETTING: Final = "TALLY_GRAFANA_PORT"
"""The setting of a port that only containers have."""

# Below the range that outgoing connections take their ports from (32768 up on Linux, 49152 up on macOS): a client
# that tries again and again to reach a killed broker could otherwise be given the broker's own port.
_FREE_FROM: Final = 15_000
_FREE_TO: Final = 32_000
_FREE_TRIES: Final = 1_000
_RANGE_FILE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")
_USUAL_RANGE: Final = (49_152, 65_535)


@dataclass(frozen=True)
class Ports:
    """The ports of one stack, by default those that the documents name; ``SETTINGS`` has a key for each field."""

    kafka: int = PORTS[SETTINGS["kafka"]]
    controller: int = PORTS[SETTINGS["controller"]]
    registry: int = PORTS[SETTINGS["registry"]]
    registry_management: int = PORTS[SETTINGS["registry_management"]]
    grpc: int = PORTS[SETTINGS["grpc"]]
    rest: int = PORTS[SETTINGS["rest"]]
    metrics: int = PORTS[SETTINGS["metrics"]]
    otlp: int = PORTS[SETTINGS["otlp"]]
    traces_engine: int = PORTS[SETTINGS["traces_engine"]]
    logs_engine: int = PORTS[SETTINGS["logs_engine"]]
    metrics_engine: int = PORTS[SETTINGS["metrics_engine"]]
    prometheus: int = PORTS[SETTINGS["prometheus"]]
    kafka_metrics: int = PORTS[SETTINGS["kafka_metrics"]]

    @classmethod
    def at_base(cls, base: int) -> Self:
        """Return the ports ``base``, ``base + 1``, …, in the order of the fields."""
        return cls(*range(base, base + len(SETTINGS)))

    @classmethod
    def free(cls) -> Self:
        """Return ports that nobody listened on a moment ago. Raises StackError when there are too few."""
        found: list[int] = []
        candidates = random.SystemRandom().sample(range(_FREE_FROM, _FREE_TO), _FREE_TRIES)
        for port in candidates:
            if is_free(port):
                found.append(port)
                if len(found) == len(SETTINGS):
                    return cls(*found)
        raise StackError(f"fewer than {len(SETTINGS)} of {_FREE_TRIES} ports tried on {HOST} are free")

    def moved(self, numbers: Mapping[str, int]) -> Self:
        """Return these ports with some of them changed. Raises StackError when two parts would share one."""
        ports = replace(self, **numbers)
        names: dict[int, str] = {}
        for name, port in ports.by_name().items():
            if port in names:
                raise StackError(
                    f"{SETTINGS[name]} and {SETTINGS[names[port]]} are both {port}: every part needs its own"
                )
            names[port] = name
        return ports

    def settings(self, given: Mapping[str, str]) -> dict[str, str]:
        """Return the settings by which services and clients find what is on these ports.

        ``given`` may have the setting of a Kafka or a registry elsewhere.
        """
        own = {SETTINGS[name]: port for name, port in self.by_name().items()}
        elsewhere = {name: given[name] for name in (KAFKA, REGISTRY) if name in given}
        found = addresses.addresses({**own, **elsewhere})
        return {name: str(found[name]) for name in (*own, KAFKA, REGISTRY)}

    def by_name(self) -> dict[str, int]:
        """Return the ports by field name."""
        return asdict(self)


def is_free(port: int) -> bool:
    """Tell whether a server could listen on a port of loopback now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what lingers of closed connections is no owner
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:  # macOS lets two bind where the addresses differ
        probe.settimeout(0.5)
        return probe.connect_ex((HOST, port)) != 0


def require_free(ports: Ports, names: Iterable[str]) -> None:
    """Raise StackError that names every taken port with its owner and the setting that moves it."""
    numbers = ports.by_name()
    _refuse([(name.replace("_", " "), SETTINGS[name], numbers[name]) for name in names])


def require_free_numbers(wanted: Mapping[str, int]) -> None:
    """Raise StackError likewise for ports by the setting that moves each."""
    _refuse([(name.removeprefix("TALLY_").removesuffix("_PORT").lower(), name, port) for name, port in wanted.items()])


def outgoing_range(file: Path = _RANGE_FILE) -> range:
    """Return the ports that the system gives to outgoing connections; elsewhere than on Linux, what is usual."""
    try:
        first, last = map(int, file.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        first, last = _USUAL_RANGE
    return range(first, last + 1)


def warning(ports: Ports, outgoing: range) -> str | None:
    """Return what to tell of ports that were chosen where outgoing connections take theirs, None of no such port."""
    chosen = [port for port in sorted({*asdict(ports).values()} - {*asdict(Ports()).values()}) if port in outgoing]
    if not chosen:
        return None
    which = f"port {chosen[0]} is" if len(chosen) == 1 else f"ports {chosen[0]} to {chosen[-1]} are"
    return (
        f"{which} among those that the system gives to outgoing connections ({outgoing[0]} to {outgoing[-1]}): a part "
        f"may find its port taken at any start. Choose ports below {outgoing[0]}, for example by {BASE}=21000"
    )


def _refuse(wanted: Iterable[tuple[str, str, int]]) -> None:
    lines = []
    for label, setting, port in wanted:
        if not is_free(port):
            owner = owner_of(port)
            lines.append(
                f"port {port} ({label}) is taken by {owner.what}: {owner.cure}, or set {setting} to another port"
            )
    if lines:
        raise StackError("\n".join([*lines, f"({BASE} moves all ports of this stack at once)"]))
