"""Whether a part is ready: the question that each is asked on its port."""

from collections.abc import Callable, Mapping
from typing import Final

from stack.healthcheck import consumer_not_ready, producer_not_ready
from stack.parts import kafka, registry
from stack.parts.names import PartName

_PROBES: Final[Mapping[PartName, Callable[[int], str | None]]] = {
    "kafka": kafka.not_ready,
    "registry": registry.not_ready,
    "producer": producer_not_ready,
    "consumer": consumer_not_ready,
}


def not_ready(part: PartName, port: int) -> str | None:
    """Return None when a part answers on its port that it is ready, else what it lacks."""
    return _PROBES[part](port)
