"""Converts a dashboard to Grafana's classic JSON, with Grafana's own typed builders."""

import json
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

from grafana_foundation_sdk.builders import (
    dashboard,
    heatmap,
    logs,
    loki,
    prometheus,
    stat,
    table,
    tempo,
    timeseries,
)
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, Threshold, ThresholdsMode
from grafana_foundation_sdk.models.tempo import SearchTableType

from observability.dashboards.panels import Board, Language, Panel, Query

DATASOURCES: Final[Mapping[Language, DataSourceRef]] = {
    "promql": DataSourceRef(type_val="prometheus", uid="prometheus"),
    "logql": DataSourceRef(type_val="loki", uid="loki"),
    "traceql": DataSourceRef(type_val="tempo", uid="tempo"),
}
_WIDTH: Final = 24
_WIDTH_MIN: Final = 4
_HEIGHT: Final = 8
_UNITS: Final = {"cores": "none"}
_LINES_MAX: Final = 200
_TRACES_MAX: Final = 20
_Builder: TypeAlias = timeseries.Panel | stat.Panel | heatmap.Panel | logs.Panel | table.Panel
_Target: TypeAlias = prometheus.Dataquery | loki.Dataquery | tempo.Dataquery


def as_json(board: Board) -> str:
    """Return the dashboard as a Grafana file; the same board gives the same bytes."""
    built = (
        dashboard.Dashboard(board.title)
        .uid(board.uid)
        .description(board.question)
        .tags(["tally"])
        .readonly()
        .tooltip(DashboardCursorSync.CROSSHAIR)
        .time("now-30m", "now")
        .refresh("10s")
    )
    number = 0
    for row in board.rows:
        built.with_row(dashboard.Row(row.title))
        width = max(_WIDTH // len(row.panels), _WIDTH_MIN)
        for panel in row.panels:
            number += 1
            built.with_panel(_panel(panel).id(number).span(width).height(_HEIGHT))
    return json.dumps(built.build(), cls=JSONEncoder, indent=2, sort_keys=True) + "\n"


def _panel(panel: Panel) -> Any:
    made = _look(panel)
    made.title(panel.title).description(panel.advice).datasource(DATASOURCES[panel.queries[0].language])
    made.targets([_target(number, query, panel) for number, query in enumerate(panel.queries)])
    if panel.is_of_metrics:
        made.unit(_UNITS.get(panel.unit, panel.unit)).min(0)
    if panel.red_above is not None:
        steps = [Threshold(value=None, color="green"), Threshold(value=panel.red_above, color="red")]
        made.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    return made


def _look(panel: Panel) -> _Builder:
    match panel.look:
        case "number":
            return stat.Panel()
        case "heatmap":
            return heatmap.Panel()
        case "log lines":
            return logs.Panel().show_time(True).wrap_log_message(True).enable_log_details(True)
        case "traces":
            return table.Panel()
        case "lines":
            return timeseries.Panel()


def _target(number: int, query: Query, panel: Panel) -> _Target:
    name, source = chr(ord("A") + number), DATASOURCES[query.language]
    match query.language:
        case "logql":
            lines = loki.Dataquery().ref_id(name).expr(query.expr).datasource(source)
            return lines.query_type("range").max_lines(_LINES_MAX)
        case "traceql":
            traces = tempo.Dataquery().ref_id(name).query(query.expr).datasource(source)
            return traces.query_type("traceql").table_type(SearchTableType.TRACES).limit(_TRACES_MAX)
        case "promql":
            metrics = prometheus.Dataquery().ref_id(name).expr(query.expr).datasource(source)
    if query.legend:
        metrics.legend_format(query.legend)
    return metrics.instant() if panel.look == "number" else metrics.range().exemplar("_bucket" in query.expr)
