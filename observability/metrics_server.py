"""A port of its own for /metrics, for a service that has no HTTP of its own."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from observability.exposition import Exposition


class MetricsPortError(Exception):
    """The port is taken; the message is one line with the setting that moves it."""


def serve_metrics(exposition: "Exposition", host: str, port: int, setting: str) -> None:
    """Serve /metrics from threads that end with the process. Raises MetricsPortError; ``setting`` moves the port."""
    from prometheus_client import start_http_server  # noqa: PLC0415 - a service that starts has better use for its time

    try:
        start_http_server(port, host, exposition.registry)
    except OSError as error:
        raise MetricsPortError(
            f"{setting} is {port}: metrics cannot be served on {host}:{port} ({error.strerror or error}): "
            f"end what uses the port, or set {setting} to another (0: not served)"
        ) from error
