"""Dashboards and alerts ask only for what is in the catalogue, and their files are those of the code."""

import re
from typing import Any

import pytest
import yaml

from observability import catalogue
from observability.catalogue import CatalogueError, prometheus_label, prometheus_name
from observability.dashboards import panels
from observability.dashboards.boards import BOARDS
from observability.dashboards.files import FOLDER, VMUI, made
from tests_support.checkout import ROOT

RULES = ROOT / "observability" / "alerts" / "rules.yml"
RULES_TEST = ROOT / "observability" / "alerts" / "rules_test.yml"
WORD = re.compile(r"(?<![\w\"':])([a-z][a-z0-9_:]*_[a-z0-9_]+)(?![\w(\"])")


def known_words() -> set[str]:
    found = catalogue.load()
    names = {prometheus_name(name, metric) for name, metric in found.metrics.items()}
    parts = {f"{name}{part}" for name in names for part in ("", "_bucket", "_count", "_sum")}
    return parts | {prometheus_label(name) for name in found.attributes}


def groups() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def asked_for(expression: str) -> set[str]:
    """Return the metrics and labels that an expression names, Prometheus's own functions left out."""
    bare = re.sub(r"\"[^\"]*\"", "", expression)
    functions = set(re.findall(r"(\w+)\s*\(", bare))
    return {word for word in WORD.findall(bare) if ":" not in word and word not in functions}


def test_the_files_of_the_dashboards_are_made_from_their_code():
    """What Grafana and VictoriaMetrics' page are given is what the code says, no more: `just gen` writes it."""
    there = {path: path.read_text(encoding="utf-8") for folder in (FOLDER, VMUI) for path in folder.glob("*.json")}
    assert there == made()


def test_every_panel_says_what_it_shows_and_what_to_do():
    """Each panel of each board has queries and a sentence of advice."""
    for board in BOARDS:
        assert board.question.endswith("?")
        for row in board.rows:
            assert all(panel.advice.endswith((".", "`.")) and panel.queries for panel in row.panels), row.title


def test_a_dashboard_cannot_ask_for_a_metric_that_nobody_emits():
    """Renaming a metric in the catalogue fails here, before anybody looks at an empty panel."""
    with pytest.raises(CatalogueError, match=r"asks for 'app\.queue\.laten'"):
        panels.name("app.queue.laten")


def test_alerts_ask_only_for_what_is_in_the_catalogue():
    """Alert rules name only metrics and labels of the catalogue, since a renamed one would silence its alert."""
    for rule in groups():
        unknown = asked_for(rule["expr"]) - known_words()
        assert unknown == set(), rule


def test_the_check_of_alerts_sees_a_renamed_metric():
    """An expression with a misspelt metric is found to ask for an unknown name."""
    assert asked_for('sum(rate(app_txn_abort_total{lane="0"}[5m])) > 0.1') - known_words() == {"app_txn_abort_total"}


def test_every_alert_has_a_runbook_that_names_a_command_of_tally():
    """Each alert's runbook exists and names a command of `tally` to type."""
    for rule in groups():
        if "alert" in rule:
            text = (ROOT / rule["annotations"]["runbook"]).read_text(encoding="utf-8")
            assert "`just run tally " in text, rule["alert"]


def test_every_alert_has_a_firing_and_a_silent_case():
    """Each alert rule is tested with data that fires it and with data that does not."""
    cases = [
        (each["alertname"], bool(each["exp_alerts"]))
        for case in yaml.safe_load(RULES_TEST.read_text())["tests"]
        for each in case["alert_rule_test"]
    ]
    alerts = {rule["alert"] for rule in groups() if "alert" in rule}
    assert {name for name, fires in cases if fires} == alerts
    assert {name for name, fires in cases if not fires} == alerts
