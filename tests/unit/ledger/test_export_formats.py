"""A format of exports is said once: a row of the table, and the module of its name that writes it."""

import importlib
import re
from pathlib import Path

import click
import pytest
from litestar.testing import TestClient

from tally.cli.export import command
from tally.ledger.exports import writers as export_writers
from tally.ledger.exports.formats import ExportFormat
from tests_support.checkout import ROOT
from tests_support.consumer.rest_world import rest_world

NAMES = [str(form) for form in ExportFormat]


@pytest.mark.parametrize("form", NAMES)
def test_every_format_has_the_module_of_its_name(form: str) -> None:
    """Each format of the table has a module of its name with an `open_writer`, which is all that an export needs."""
    assert callable(importlib.import_module(f"{export_writers.__package__}.{form}").open_writer)


def test_rest_and_its_page_and_the_command_offer_the_same_formats(tmp_path: Path) -> None:
    """The OpenAPI document, the web page and `tally export` offer the formats of the table, in its order."""
    with rest_world(tmp_path) as world, TestClient(world.app) as client:
        document = client.get("/schema/openapi.json").json()
        page = client.get("/").text
    assert document["components"]["schemas"]["ExportFormat"]["enum"] == NAMES
    assert re.findall(r"<option>(\w+)</option>", page) == NAMES
    [option] = [each for each in command.params if each.name == "form"]
    assert isinstance(option.type, click.Choice)
    assert list(option.type.choices) == NAMES


def test_the_document_of_rest_tells_of_every_format() -> None:
    """docs/REST.md has a row for each format of the table and none for another."""
    text = (ROOT / "docs/REST.md").read_text().partition("| format |")[2].partition("\n\n")[0]
    assert re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE) == NAMES


def test_exports_and_audits_have_the_same_calls(tmp_path: Path) -> None:
    """Exports and audits have the same methods on the same paths with matching names, so who knows one knows both."""
    with rest_world(tmp_path) as world, TestClient(world.app) as client:
        paths = client.get("/schema/openapi.json").json()["paths"]
    calls = {
        (path.replace(noun[:-1], "X"), method, operation["operationId"].replace(noun[:-1].capitalize(), "X"))
        for noun in ("exports", "audits")
        for path, methods in paths.items()
        if path.startswith(f"/v1/{noun}")
        for method, operation in methods.items()
    }
    assert calls == {
        ("/v1/Xs", "post", "createX"),
        ("/v1/Xs", "get", "listXs"),
        ("/v1/Xs/{X_id}", "get", "getX"),
        ("/v1/Xs/{X_id}/file", "get", "getXFile"),
        ("/v1/Xs/{X_id}", "delete", "deleteX"),
    }
