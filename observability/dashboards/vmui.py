"""Converts a dashboard for the page of VictoriaMetrics (vmui), for machines without Grafana.

vmui shows only metrics: panels of log lines and traces are left out; `tally logs` and `tally trace` show those.
"""

import json
from typing import Any, Final

from observability.dashboards.panels import WINDOW, Board, Panel

_COLUMNS: Final = 12
_WIDTH_MIN: Final = 4
_WINDOW: Final = "1m"
"""Long enough for a few scrapes; vmui has no variable for that."""


def as_json(board: Board) -> str:
    """Return the dashboard as a vmui file; the same board gives the same bytes."""
    shown = ((row.title, [panel for panel in row.panels if panel.is_of_metrics]) for row in board.rows)
    rows = [
        {"title": title, "panels": [_panel(each, len(panels)) for each in panels]} for title, panels in shown if panels
    ]
    return json.dumps({"title": board.title.removeprefix("Tally: "), "rows": rows}, indent=2) + "\n"


def _panel(panel: Panel, beside: int) -> dict[str, Any]:
    shown = {"percentunit": "", "short": "", "none": "", "reqps": "/s", "bytes": "B", "Bps": "B/s"}
    return {
        "title": panel.title,
        "description": panel.advice,
        "unit": shown.get(panel.unit, panel.unit),
        "expr": [query.expr.replace(WINDOW, _WINDOW) for query in panel.queries],
        "alias": [query.legend for query in panel.queries],
        "showLegend": True,
        "width": max(_COLUMNS // beside, _WIDTH_MIN),
    }
