"""The lines that services log are those of the catalogue, no more and no less."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from observability import catalogue
from tests_support.checkout import ROOT

LEVELS = {each: each.upper() for each in ("trace", "debug", "info", "warning", "error", "critical")}
LEVELS["exception"] = "ERROR"
FOLDERS = {
    "producer": ("producer",),
    "consumer": ("consumer",),
    "tally": ("producer", "consumer"),
    "observability": ("producer", "consumer"),
}


@dataclass(frozen=True)
class Line:
    """One call that logs. ``text`` is None where it is no constant text."""

    text: str | None
    level: str
    services: tuple[str, ...]
    place: str


def lines_of(source: str, services: tuple[str, ...], place: str) -> Iterator[Line]:
    """Yield every call of a method that is named as a level, on something that is named as a log."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        on = ast.unparse(node.func.value).removeprefix("self.").lstrip("_")
        if node.func.attr in LEVELS and on.startswith(("log", "about")):
            first = node.args[0] if node.args else None
            value = first.value if isinstance(first, ast.Constant) else None
            text = value if isinstance(value, str) else None
            yield Line(text, LEVELS[node.func.attr], services, f"{place}:{node.lineno}")


def logged() -> list[Line]:
    """Return all lines of the services' packages."""
    return [
        line
        for folder, services in FOLDERS.items()
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in lines_of(path.read_text(encoding="utf-8"), services, str(path.relative_to(ROOT)))
    ]


def test_the_text_of_every_line_is_a_constant() -> None:
    """What differs stands in its fields, or in braces: one event is one text, which can be looked for."""
    assert [line.place for line in logged() if line.text is None or not line.text.strip("{} :")] == []


def test_every_line_that_is_logged_is_in_the_catalogue_and_the_reverse() -> None:
    """Each logged line is in the catalogue with its levels and services, and each entry is logged somewhere."""
    known = catalogue.load().logs
    unknown = [f"{line.place}: {line.text!r}" for line in logged() if line.text not in known]
    assert unknown == []
    for text, entry in known.items():
        found = [line for line in logged() if line.text == text]
        assert {line.level for line in found} == set(entry.levels), text
        assert {service for line in found for service in line.services} == set(entry.services), text


def test_every_line_of_the_catalogue_is_explained() -> None:
    """Each log line of the catalogue is explained by a sentence."""
    assert all(line.meaning.endswith(".") for line in catalogue.load().logs.values())


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ('logger.bind(a=1).warning("a text")', "a text"),
        ('self._log.exception("a text", 1)', "a text"),
        ('self._about(1, 2).error("a text")', "a text"),
        ("log.info(text)", None),
        ('logger.info(f"{a} text")', None),
    ],
)
def test_the_search_sees_every_way_to_log(source: str, text: str | None) -> None:
    """Each way to log a line in the code is found, with its text or as one without a constant text."""
    (line,) = lines_of(source, ("producer",), str(Path("a.py")))
    assert line.text == text
