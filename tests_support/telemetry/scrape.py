"""Reads /metrics as Prometheus does, by its own parser."""

import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@dataclass
class Scrape:
    """``kinds`` by the family's name, ``values`` by (sample's name, its labels in order), exemplars likewise."""

    kinds: dict[str, str] = field(default_factory=dict)
    values: dict[tuple[str, tuple[tuple[str, str], ...]], float] = field(default_factory=dict)
    exemplars: dict[tuple[str, tuple[tuple[str, str], ...]], Mapping[str, str]] = field(default_factory=dict)

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of all samples of a name that have these labels."""
        return sum(
            value
            for (sample, pairs), value in self.values.items()
            if sample == name and labels.items() <= dict(pairs).items()
        )

    def label_values(self, name: str, label: str) -> set[str]:
        """Return the values that a label has on samples of a name."""
        return {dict(pairs).get(label, "") for sample, pairs in self.values if sample == name}


def scrape(url: str, accept: str = "") -> Scrape:
    """Ask once. Raises OSError."""
    request = urllib.request.Request(url, headers={"Accept": accept})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return parsed(answer.read().decode("utf-8"), openmetrics="openmetrics" in answer.headers["Content-Type"])


def parsed(text: str, *, openmetrics: bool = False) -> Scrape:
    """Return a text as it is read by Prometheus's own client."""
    found = Scrape()
    for family in (parse_openmetrics if openmetrics else parse_text)(text):
        name = f"{family.name}_total" if family.type == "counter" else family.name
        found.kinds[name] = family.type
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            found.values[key] = sample.value
            if sample.exemplar is not None:
                found.exemplars[key] = sample.exemplar.labels
    return found
