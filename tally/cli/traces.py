"""Traces as a tree for a terminal: pure, from Jaeger's JSON to lines."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tally.base.shown.values import printable

LINKED_MAX = 8
"""Other traces that are shown beside the one asked for: the transaction and the block of each addition."""


@dataclass(frozen=True)
class Span:
    """One span. Times are in microseconds; ``links`` are (trace id, span id) outside or inside its trace."""

    trace_id: str
    span_id: str
    parent_id: str
    name: str
    service: str
    began_us: int
    took_us: int
    links: tuple[tuple[str, str], ...]
    failed: str


def spans_of(answer: Mapping[str, Any]) -> list[Span]:
    """Return the spans of Jaeger's answer to ``GET /api/traces/ID``, in the order of their beginning."""
    found = [_span(each, trace["processes"]) for trace in answer.get("data") or () for each in trace["spans"]]
    return sorted(found, key=lambda span: (span.began_us, -span.took_us))


def linked(spans: Sequence[Span]) -> list[str]:
    """Return the ids of other traces that these spans link to, at most LINKED_MAX, in order."""
    own = {span.trace_id for span in spans}
    others = dict.fromkeys(trace for span in spans for trace, _ in span.links if trace not in own)
    return list(others)[:LINKED_MAX]


def tree(spans: Sequence[Span], origin_us: int) -> list[str]:
    """Return a line a span, below its parent: its start after ``origin_us``, how long it took, what it is."""
    known = {span.span_id for span in spans}
    children: dict[str, list[Span]] = {}
    for span in spans:
        children.setdefault(span.parent_id if span.parent_id in known else "", []).append(span)
    lines: list[str] = []

    def walk(parent: str, depth: int) -> None:
        for span in children.get(parent, ()):
            after = f"{(span.began_us - origin_us) / 1000:+10.1f} ms"
            what = f"{'  ' * depth}{span.name}  ({span.service})"
            failed = f"  FAILED: {span.failed}" if span.failed else ""
            lines.append(printable(f"{after} {span.took_us / 1000:10.1f} ms  {what}{failed}"))
            walk(span.span_id, depth + 1)

    walk("", 0)
    return lines


def _span(span: Mapping[str, Any], processes: Mapping[str, Any]) -> Span:
    tags = {tag["key"]: tag["value"] for tag in span["tags"]}
    references = span["references"]
    parents = [each["spanID"] for each in references if each["refType"] == "CHILD_OF"]
    return Span(
        trace_id=span["traceID"],
        span_id=span["spanID"],
        parent_id=parents[0] if parents else "",
        name=span["operationName"],
        service=processes[span["processID"]]["serviceName"],
        began_us=span["startTime"],
        took_us=span["duration"],
        links=tuple((each["traceID"], each["spanID"]) for each in references if each["refType"] != "CHILD_OF"),
        failed=str(tags.get("error.type", "error")) if tags.get("error") else "",
    )
