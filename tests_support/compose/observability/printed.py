"""What the Collector's debug exporter printed, as spans and log lines.

The exporter prints a batch as indented text: the resource with its attributes, then each span or record with its own.
A line ``     -> name: Str(value)`` belongs to the attributes that were announced last.
"""

import re
from dataclasses import dataclass, field
from typing import Final

_ATTRIBUTE: Final = re.compile(r"^\s+-> ([^:]+): \w+\((.*)\)$")
_OF_SPAN: Final = {"Trace ID": "trace_id", "Parent ID": "parent_id", "ID": "span_id", "Name": "name", "Kind": "kind"}


@dataclass
class Span:
    """A span. Ids are in hex, "" where there is none; ``kind`` is in lower case."""

    service: str
    trace_id: str = ""
    parent_id: str = ""
    span_id: str = ""
    name: str = ""
    kind: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


@dataclass
class Line:
    """A log line. ``level`` is its severity text."""

    service: str
    level: str = ""
    text: str = ""
    attributes: dict[str, str] = field(default_factory=dict)


def parse(text: str) -> tuple[list[Span], list[Line]]:
    """Return the spans and the log lines in the order in which they were printed."""
    spans: list[Span] = []
    lines: list[Line] = []
    resource: dict[str, str] = {}
    attributes: dict[str, str] = {}
    for printed in text.splitlines():
        if printed.startswith(("ResourceSpans #", "ResourceLog #")):
            resource = attributes = {}
        elif printed.startswith("Span #"):
            spans.append(Span(resource.get("service.name", "")))
            attributes = spans[-1].attributes
        elif printed.startswith("LogRecord #"):
            lines.append(Line(resource.get("service.name", "")))
            attributes = lines[-1].attributes
        elif printed.startswith(("Links:", "Events:")):
            attributes = {}  # theirs are not looked at
        elif found := _ATTRIBUTE.match(printed):
            attributes[found[1]] = found[2]
        else:
            _read(printed, spans, lines)
    return spans, lines


def _read(printed: str, spans: list[Span], lines: list[Line]) -> None:
    name, _, value = (part.strip() for part in printed.partition(":"))
    if printed.startswith("    ") and name in _OF_SPAN and spans:
        setattr(spans[-1], _OF_SPAN[name], value.lower() if name == "Kind" else value)
    elif name == "SeverityText" and lines:
        lines[-1].level = value
    elif name == "Body" and lines:
        lines[-1].text = value.removeprefix("Str(").removesuffix(")")
