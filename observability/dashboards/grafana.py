"""A dashboard's values as Grafana's classic JSON, by Grafana's own typed builders."""

import json
from typing import Any, Final, TypeAlias

from grafana_foundation_sdk.builders import dashboard, heatmap, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import DataSourceRef
from grafana_foundation_sdk.models.dashboard import DashboardCursorSync, Threshold, ThresholdsMode

from observability.dashboards.panels import Board, Panel, Query

DATASOURCE: Final = DataSourceRef(type_val="prometheus", uid="prometheus")
_WIDTH: Final = 24
_WIDTH_MIN: Final = 4
_HEIGHT: Final = 8
_UNITS: Final = {"cores": "none"}
_Builder: TypeAlias = timeseries.Panel | stat.Panel | heatmap.Panel


def as_json(board: Board) -> str:
    """Return the dashboard as a file of Grafana's; the same board gives the same bytes."""
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
    made: _Builder
    match panel.look:
        case "number":
            made = stat.Panel()
        case "heatmap":
            made = heatmap.Panel()
        case "lines":
            made = timeseries.Panel()
    made.title(panel.title).description(panel.advice).unit(_UNITS.get(panel.unit, panel.unit)).datasource(DATASOURCE)
    made.min(0)
    made.targets([_target(number, query, panel) for number, query in enumerate(panel.queries)])
    if panel.red_above is not None:
        steps = [Threshold(value=None, color="green"), Threshold(value=panel.red_above, color="red")]
        made.thresholds(dashboard.ThresholdsConfig().mode(ThresholdsMode.ABSOLUTE).steps(steps))
    return made


def _target(number: int, query: Query, panel: Panel) -> prometheus.Dataquery:
    target = prometheus.Dataquery().ref_id(chr(ord("A") + number)).expr(query.expr).datasource(DATASOURCE)
    if query.legend:
        target.legend_format(query.legend)
    if panel.look == "number":
        return target.instant()
    return target.range().exemplar("_bucket" in query.expr)
