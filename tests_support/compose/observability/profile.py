"""The observability profile as a test starts it: stand-ins for its images, the project's own files, two backends.

Tempo and Loki cannot be built here. One Collector of the tests' own has their names in the network and listens at their
ports and paths; what the project's Collector sends them, it prints. Grafana is left out.
"""

from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from tests_support.checkout import ROOT
from tests_support.compose import images
from tests_support.compose.engine import Engine
from tests_support.compose.observability import printed
from tests_support.compose.observability.programs import COLLECTOR, PROMETHEUS

SERVICES: Final = ("prometheus", "otel-collector")
_HERE: Final = Path(__file__).parent
_BACKENDS: Final = _HERE / "backends.yml"
_CONTAINER: Final = "tally-test-backends"
_ANSWER_S: Final = 10.0


def image_of(service: str) -> str:
    """Return the image that docker-compose.yml names for a service."""
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
    return str(services[service]["image"])


def build_images(engine: Engine, cache: Path) -> None:
    """Build the stand-ins of both images; the programs must be in the cache."""
    program = PROMETHEUS.path_in(cache)
    images.build(engine, image_of("prometheus"), _HERE / "images" / "prometheus", prometheus=program)
    program = COLLECTOR.path_in(cache)
    images.build(engine, image_of("otel-collector"), _HERE / "images" / "collector", otelcol=program)


class Backends:
    """What takes the place of Tempo and Loki in a network of compose."""

    def __init__(self, engine: Engine, network: str) -> None:
        self._engine = engine
        names = [word for name in ("tempo", "loki") for word in ("--network-alias", name)]
        mounted = f"{_BACKENDS}:/backends.yml:ro"
        options = ["--detach", "--name", _CONTAINER, "--network", network, *names, "--volume", mounted]
        engine.docker("run", *options, image_of("otel-collector"), "--config=/backends.yml")

    def received(self) -> tuple[list[printed.Span], list[printed.Line]]:
        """Return all spans and log lines that have arrived."""
        return printed.parse(self._engine.docker("logs", _CONTAINER))

    def close(self) -> None:
        """Remove the container."""
        self._engine.docker("rm", "--force", _CONTAINER)


class Prometheus:
    """The API of the Prometheus that runs, at its published port."""

    def __init__(self, port: int | str) -> None:
        self._url = f"http://127.0.0.1:{port}/api/v1"

    def ask(self, path: str, **parameters: str) -> Any:
        """Return the data of an answer. Raises AssertionError when it is an error, httpx.TransportError without one."""
        with httpx.Client(trust_env=False, timeout=_ANSWER_S) as client:
            answer = client.get(f"{self._url}/{path}", params=parameters).json()
        assert answer["status"] == "success", answer
        return answer["data"]

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the series that an expression gives now."""
        found: list[dict[str, Any]] = self.ask("query", query=expression)["result"]
        return found
