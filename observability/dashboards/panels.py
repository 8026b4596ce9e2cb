"""What a dashboard consists of: plain values, so that a test can run each query, too."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from observability import catalogue
from observability.catalogue import prometheus_name

Look = Literal["lines", "number", "heatmap", "log lines", "traces"]
Language = Literal["promql", "logql", "traceql"]
Unit = Literal["s", "reqps", "percentunit", "short", "bytes", "Bps", "cores", "none"]

WINDOW: Final = "$__rate_interval"
"""A variable of Grafana: long enough for four scrapes."""


@dataclass(frozen=True)
class Query:
    """One query. ``legend`` may have labels in double braces. Only Grafana uses languages other than PromQL."""

    expr: str
    legend: str = ""
    language: Language = "promql"


@dataclass(frozen=True)
class Panel:
    """One panel. ``advice`` says what it shows, and what to do if it looks bad."""

    title: str
    advice: str
    unit: Unit
    queries: tuple[Query, ...]
    look: Look = "lines"
    red_above: float | None = None

    @property
    def is_of_metrics(self) -> bool:
        """Tell whether a store that has only metrics can fill it."""
        return all(query.language == "promql" for query in self.queries)


@dataclass(frozen=True)
class Row:
    """A row of panels, side by side."""

    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Board:
    """A dashboard, which answers one question."""

    uid: str
    title: str
    question: str
    rows: tuple[Row, ...]

    def queries(self, language: Language = "promql") -> Iterator[tuple[Panel, Query]]:
        """Yield every query in a language, with its panel."""
        for row in self.rows:
            for panel in row.panels:
                for query in panel.queries:
                    if query.language == language:
                        yield panel, query


def name(signal: str) -> str:
    """Return the PromQL name of a metric of the catalogue. Raises CatalogueError if there is none."""
    known = catalogue.load().metrics
    if signal not in known:
        raise catalogue.CatalogueError(f"a dashboard asks for {signal!r}, which {catalogue.FILE.name} does not have")
    return prometheus_name(signal, known[signal])


def rate(signal: str, by: str = "", where: str = "") -> str:
    """Return the rate per second of a counter, or of a histogram's count, summed over all labels but ``by``."""
    count = "_count" if catalogue.load().metrics[signal].kind == "histogram" else ""
    summed = f"sum by ({by})" if by else "sum"
    return f"{summed} (rate({name(signal)}{count}{{{where}}}[{WINDOW}]))"


def quantile(signal: str, q: float, by: str = "", where: str = "") -> str:
    """Return a quantile of a histogram."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, sum by ({labels}) (rate({name(signal)}_bucket{{{where}}}[{WINDOW}])))"


def quantiles(signal: str, where: str = "") -> tuple[Query, ...]:
    """Return the three quantiles that dashboards show."""
    return tuple(Query(quantile(signal, q, where=where), f"p{q * 100:g}") for q in (0.5, 0.95, 0.99))


def buckets(signal: str) -> tuple[Query, ...]:
    """Return the buckets of a histogram, for a heatmap."""
    return (Query(f"sum by (le) (increase({name(signal)}_bucket[{WINDOW}]))", "{{le}}"),)
