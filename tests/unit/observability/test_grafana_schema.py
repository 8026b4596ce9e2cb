"""Grafana's files are what Grafana's own schema describes: the dashboards, by the models of its foundation SDK."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests_support.telemetry.grafana_schema import complaints
from tests_support.telemetry.query_texts import DASHBOARDS


def board(name: str = "tally-health") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DASHBOARDS / f"{name}.json").read_text())
    return found


def panel_of(dashboard: dict[str, Any], kind: str) -> dict[str, Any]:
    found: dict[str, Any] = next(each for each in dashboard["panels"] if each["type"] == kind)
    return found


@pytest.mark.parametrize("path", sorted(DASHBOARDS.glob("*.json")), ids=lambda path: path.name)
def test_a_dashboard_is_one_of_grafanas_schema(path):
    """Read into the models and written again nothing is lost, and each value has the declared type."""
    assert complaints(json.loads(path.read_text())) == []


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda found: found.update(panels=5), "it cannot be read: TypeError"),
        (lambda found: found.update(titel="x"), ".titel: the schema does not have it"),
        (lambda found: found.update(refresh=10), ".refresh: 10 is no str"),
        (lambda found: found.update(tags="tally"), ".tags: 'tally' is no list"),
        (lambda found: found["time"].pop("from"), "the schema has it, and it is missing"),
        (lambda found: panel_of(found, "logs").update(type="log"), "no panel is of the kind 'log'"),
        (lambda found: panel_of(found, "logs")["options"].update(wrapLogMessage="yes"), "'yes' is no bool"),
        (lambda found: panel_of(found, "logs")["options"].update(sortOrder="Down"), "'Down' is no LogsSortOrder"),
        (lambda found: panel_of(found, "logs")["options"].update(wrap=True), ".options.wrap: the schema does not"),
        (lambda found: panel_of(found, "logs")["targets"][0].update(maxLines="200"), "'200' is no int"),
        (lambda found: panel_of(found, "table")["targets"][0].update(tableType="trace"), "no SearchTableType"),
        (lambda found: panel_of(found, "table")["targets"][0].update(traceql="{}"), ".traceql: the schema does not"),
        (lambda found: panel_of(found, "table")["targets"][0]["datasource"].update(type="temp"), "of the kind 'temp'"),
        (lambda found: panel_of(found, "timeseries").update(gridPos=[0, 0]), "gridPos: [0, 0] became"),
        (lambda found: panel_of(found, "stat")["fieldConfig"]["defaults"].update(min="0"), "'0' is no float"),
    ],
)
def test_what_the_schema_does_not_have_is_seen(change: Callable[[dict[str, Any]], object], complaint: str):
    """An unknown key, a wrong type, a value that an enumeration lacks, an unknown kind of panel or datasource."""
    changed = board()
    change(changed)
    found = complaints(changed)
    assert any(complaint in each for each in found), found
