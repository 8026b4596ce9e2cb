"""Whole stacks for tests, on free ports and a directory of their own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from oracle.history import History
from oracle.reading import System, examine
from oracle.report import Report
from stack import Ports, Stack
from stack.logfiles import tail
from stack.parts.names import STAYING

READY_S = 120.0
LOG_LINES = 60


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


def examine_live(stack: Stack, history: History, drain_s: float = 60.0) -> Report:
    """Return the oracle's report, which is clean. Raises AssertionError, after the end of each part's log is shown."""
    try:
        report = examine(system_of(stack), history, drain_s).require_clean()
    except BaseException:
        for part in STAYING:
            print(f"--- {part}, process {stack.pid(part)}:\n{tail(stack.log_path(part), LOG_LINES)}")
        raise
    print(report, history.counts())
    return report


def system_of(stack: Stack) -> System:
    """Return where the oracle finds everything."""
    return System(
        kafka=stack.bootstrap_servers,
        registry_url=stack.registry_url,
        rest_urls=[stack.rest_url],
        ledgers=[stack.data_dir / "consumer"],
    )
