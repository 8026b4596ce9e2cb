"""Whole stacks for tests, on free ports and a directory of their own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from stack import Ports, Stack
from tests_support.oracle.reading import System

READY_S = 120.0


@contextmanager
def live_stack(
    data_dir: Path,
    environment: Mapping[str, str] | None = None,
    broker_properties: Mapping[str, str] | None = None,
) -> Iterator[Stack]:
    """Yield a stack that is ready; whatever happens, no process of it is left."""
    stack = Stack(data_dir, Ports.free(), environment, broker_properties=broker_properties, die_with_caller=True)
    with stack:
        stack.up(timeout_s=READY_S)
        yield stack


def system_of(stack: Stack) -> System:
    """Return where the oracle finds everything."""
    return System(
        kafka=stack.bootstrap_servers,
        registry_url=stack.registry_url,
        rest_url=stack.rest_url,
        data_dir=stack.data_dir,
    )
