"""Panels of log lines (LogQL, Loki) and of traces (TraceQL, Tempo) for Grafana. What they name is in the catalogue.

In Loki the name of a service is the label ``service_name``; level, trace and the other attributes of a line are
structured metadata, with "_" for each ".". In Tempo the attributes have their own names.
"""

from typing import Final

from observability import catalogue
from observability.catalogue import CatalogueError
from observability.dashboards.panels import Panel, Query, Row

LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
"""As loguru names them and as they are sent, from the least to the most severe."""

_OURS: Final = "tally-"


def lines(at_least: str, saying: tuple[str, ...] = ()) -> Query:
    """Return a query for lines of at least a level; ``saying`` are texts of the catalogue, any of which may fit.

    Raises CatalogueError if no line of these levels has such a text, ValueError if there is no such level.
    """
    levels = LEVELS[LEVELS.index(at_least) :]
    wanted = " or ".join(f"`{_constant_part(text, levels)}`" for text in saying)
    stages = [f'| severity_text=~"{"|".join(levels)}"', *([f"|= {wanted}"] if saying else [])]
    return Query(f'{{service_name=~"{_OURS}.+"}} {" ".join(stages)}', language="logql")


def spans(key: str, service: str, slower_than: str, showing: tuple[str, ...] = ()) -> Query:
    """Return a query for slow spans of a kind in the catalogue; ``showing`` are attributes of it to show.

    Raises CatalogueError if the service creates no such span, or the span has no such attribute.
    """
    span = catalogue.load().span(key, service)
    unknown = [name for name in showing if name not in span.attributes]
    if unknown:
        raise CatalogueError(f"a dashboard asks for {unknown[0]!r}, which the span {key!r} does not have")
    selected = f" | select({', '.join(f'span.{name}' for name in showing)})" if showing else ""
    where = [f'resource.service.name = "{_OURS}{service}"', *_named(span.name), f"kind = {span.kind}"]
    return Query(f"{{ {' && '.join(where)} && duration > {slower_than} }}{selected}", language="traceql")


def _constant_part(text: str, levels: tuple[str, ...]) -> str:
    """Return the longest part of a text that is the same in all lines with that text."""
    line = catalogue.load().logs.get(text)
    if line is None or not set(line.levels) & set(levels):
        raise CatalogueError(f"a dashboard asks for lines with the text {text!r} at {levels}: the catalogue has none")
    return max(text.split("{}"), key=len)


def _named(name: str) -> list[str]:
    """Return the condition for the names that attributes give a span; none if a name consists of attributes only."""
    parts = name.replace("}", "{").split("{")
    if len(parts) == 1:
        return [f'name = "{name}"']
    pattern = "".join(".+" if place % 2 else part for place, part in enumerate(parts))
    return [] if pattern == ".+" else [f'name =~ "{pattern}"']


SLOW_CALLS: Final = Panel(
    "Slow calls",
    "Traces of sampled calls that took more than a quarter of a second; click the id to see where. Time in the "
    "span `create` is the queue and Kafka: compare it with the slow transactions.",
    "none",
    (spans("call", "producer", "250ms", ("rpc.method", "rpc.response.status_code")),),
    look="traces",
)

HEALTH: Final = (
    Row(
        "Logs",
        (
            Panel(
                "Warnings and errors",
                "The lines of both services, with a link if a line belongs to a trace. docs/OBSERVABILITY.md says "
                "what each line means.",
                "none",
                (lines("WARNING"),),
                look="log lines",
            ),
        ),
    ),
    Row(
        "Traces",
        (
            SLOW_CALLS,
            Panel(
                "Failed",
                "Traces with an error that is the service's fault. There should be none.",
                "none",
                (Query(f'{{ resource.service.name =~ "{_OURS}.+" && status = error }}', language="traceql"),),
                look="traces",
            ),
        ),
    ),
)

COUNT: Final = Row(
    "What the consumer said",
    (
        Panel(
            "Partitions, poison and recovery",
            "Why a partition waits or is refused, with the remedy; what went to the dead letters; what was "
            "repaired at a start.",
            "none",
            (
                lines(
                    "WARNING",
                    (
                        "PAUSED: {}",
                        "REFUSED: {} Cure: {}",
                        "dead letters published",
                        "recovery: {}",
                        "ledger mended: {}",
                    ),
                ),
            ),
            look="log lines",
        ),
        Panel(
            "Slow blocks",
            "Traces of blocks and of sampled records that took more than a second from the fetch to the fsync.",
            "none",
            (spans("block", "consumer", "1s", ("partition",)),),
            look="traces",
        ),
    ),
)

COST: Final = Row(
    "The slowest",
    (
        Panel(
            "Slow transactions",
            "Traces of transactions that took more than a quarter of a second, with the number of records in each.",
            "none",
            (spans("send", "producer", "250ms", ("lane", "app.txn.records")),),
            look="traces",
        ),
        Panel(
            "Slow fsyncs",
            "Traces of blocks whose fsync took more than a tenth of a second: the disk is busy or failing.",
            "none",
            (spans("fsync", "consumer", "100ms", ("partition",)),),
            look="traces",
        ),
    ),
)
