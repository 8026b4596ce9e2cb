"""The parts of a stack: their names, order, ports and deadlines."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

PartName = Literal["kafka", "registry", "contracts", "producer", "consumer"]

ORDER: Final[tuple[PartName, ...]] = ("kafka", "registry", "contracts", "producer", "consumer")
"""The order of start; the end is in reverse. ``contracts`` is a step that ends by itself, the others stay."""

STAYING: Final[tuple[PartName, ...]] = ("kafka", "registry", "producer", "consumer")

WAVES: Final[tuple[tuple[PartName, ...], ...]] = (("kafka", "registry"), ("contracts",), ("producer", "consumer"))
"""The parts of one wave start together; a wave waits until the one before is ready."""

PORTS: Final[Mapping[PartName, tuple[str, ...]]] = {
    "kafka": ("kafka", "controller"),
    "registry": ("registry", "registry_management"),
    "contracts": (),
    "producer": ("grpc", "metrics"),
    "consumer": ("rest",),
}
"""The ports that a part listens on, as fields of ``stack.ports.Ports``; the first is the one that people use."""

STOP_DEADLINE_S: Final[Mapping[PartName, float]] = {
    "kafka": 20.0,  # 0.2 to 0.6 s usually; several brokers at once hung for 40 s once
    "registry": 10.0,
    "contracts": 1.0,
    "producer": 20.0,  # it answers the calls in flight first, within a deadline of its own
    "consumer": 20.0,  # it ends the block in hand first
}
"""How long after SIGTERM a part may live before it is killed."""


@dataclass(frozen=True)
class Launch:
    """How one part is started."""

    command: Sequence[str]
    environment: Mapping[str, str]
    prepare: Callable[[], None] = lambda: None  # runs before the start; may be repeated
