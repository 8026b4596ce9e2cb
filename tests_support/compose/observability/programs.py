"""The programs of the observability profile that this project can build: Prometheus as it is pinned, and the Collector.

The Collector is built from a module of ours with the components that observability/compose/otel-collector.yml names, in
the version of the image; only its ``kafkametrics`` is 0.145, the newest that a registry has with a checksum.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from stack.fetch import go_programs
from stack.fetch.go_programs import GoProgram
from stack.parts.engines import ENGINES

PROMETHEUS: Final = ENGINES["prometheus"].program
COLLECTOR: Final = GoProgram(
    name="otelcol",
    module=Path(__file__).with_name("collector"),
    package=".",
    seconds=170,
)


def ensure(cache: Path, say: Callable[[str], None]) -> None:
    """Build what the cache does not have. Raises CannotBuildError."""
    for program in (PROMETHEUS, COLLECTOR):
        go_programs.ensure(program, cache, say)


def absent(cache: Path) -> list[str]:
    """Return the names of the programs that the cache does not have."""
    return [each.name for each in (PROMETHEUS, COLLECTOR) if not each.path_in(cache).exists()]
