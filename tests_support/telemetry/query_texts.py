"""Every query of the project that Grafana asks, where it stands, and what the grammar of its language says of it."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, get_args

import yaml

from observability.dashboards.panels import Language
from tests_support import node
from tests_support.checkout import ROOT, tracked

GRAMMARS: Final = ROOT / "tests_support" / "grammars"
DASHBOARDS: Final = ROOT / "observability" / "grafana" / "dashboards"
DATASOURCES: Final = ROOT / "observability" / "compose" / "grafana" / "datasources"
RULES: Final = ROOT / "observability" / "alerts" / "rules.yml"
LANGUAGES: Final[tuple[Language, ...]] = get_args(Language)
_OF_SOURCE: Final[Mapping[str, Language]] = {"prometheus": "promql", "loki": "logql", "tempo": "traceql"}
_FENCED: Final = re.compile(rf"^```({'|'.join(LANGUAGES)})\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DURATIONS: Final = re.compile(r"\[\$__\w+\]")
_VARIABLES: Final = re.compile(r"\$?\$\{[^}]*\}")


@dataclass(frozen=True)
class Text:
    """One query. ``place`` is for the reader of a failure; ``text`` has Grafana's variables as they are written."""

    place: str
    language: Language
    text: str

    @property
    def as_asked(self) -> str:
        """Return the text as the store gets it: Grafana puts values for its variables first, and so does this."""
        return _VARIABLES.sub("value", _DURATIONS.sub("[1m]", self.text))


def all_texts() -> list[Text]:
    """Return every query of dashboards, datasources, rules and documents."""
    boards = (text for path in sorted(DASHBOARDS.glob("*.json")) for text in of_dashboard(path))
    sources = (text for path in sorted(DATASOURCES.glob("*.yml")) for text in of_datasources(path))
    documents = (text for name in tracked() if name.endswith(".md") for text in of_document(ROOT / name))
    return [*boards, *sources, *of_rules(RULES), *documents]


def of_dashboard(path: Path) -> Iterator[Text]:
    """Yield what a dashboard's panels ask. A target of a datasource that is not known here is an error."""
    for panel in json.loads(path.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", ()):
            language = _OF_SOURCE[target["datasource"]["type"]]
            text = target["query"] if language == "traceql" else target["expr"]
            yield Text(f"{path.name}, {panel['title']}", language, text)


def of_datasources(path: Path) -> Iterator[Text]:
    """Yield the queries by which one datasource leads to another."""
    for source in yaml.safe_load(path.read_text(encoding="utf-8"))["datasources"]:
        links: Mapping[str, Any] = source["jsonData"]
        place = f"{path.name}, {source['name']}"
        if "tracesToLogsV2" in links:
            yield Text(f"{place}, to its logs", "logql", links["tracesToLogsV2"]["query"])
        for query in links.get("tracesToMetrics", {}).get("queries", ()):
            yield Text(f"{place}, {query['name']}", "promql", query["query"])


def of_rules(path: Path) -> Iterator[Text]:
    """Yield the expressions of alerts and recorded rules."""
    for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
        for rule in group["rules"]:
            yield Text(f"{path.name}, {rule.get('alert') or rule['record']}", "promql", rule["expr"])


def of_document(path: Path) -> Iterator[Text]:
    """Yield the queries in a document: the lines of each fence that names a language, a query a line."""
    for found in _FENCED.finditer(path.read_text(encoding="utf-8")):
        language = next(each for each in LANGUAGES if each == found[1])
        for line in filter(None, map(str.strip, found[2].splitlines())):
            yield Text(path.name, language, line)


def complaints(texts: Iterable[Text], modules: Path) -> Sequence[str]:
    """Return a sentence for each text that its grammar does not accept; ``modules`` are those of ``GRAMMARS``."""
    asked = list(texts)
    given = json.dumps([{"language": each.language, "text": each.as_asked} for each in asked])
    done = node.run(GRAMMARS / "parse.cjs", modules=modules, stdin=given)
    assert done.returncode == 0, done.stderr
    found: list[list[str]] = json.loads(done.stdout)
    return [
        f"{each.place}: no {each.language} at {errors[0]!r}: {each.text}"
        for each, errors in zip(asked, found, strict=True)
        if errors
    ]
