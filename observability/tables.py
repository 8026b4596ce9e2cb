"""The catalogue as Markdown, for docs/OBSERVABILITY.md."""

import re
from typing import Final

from observability.catalogue import Catalogue, prometheus_label, prometheus_name

_BEGIN: Final = "<!-- generated from observability/signals.yaml by `just gen`: {name} -->"
_END: Final = "<!-- end: {name} -->"


def metrics_table(catalogue: Catalogue) -> str:
    """Return a table of all metrics, by their names on /metrics."""
    rows = [
        f"| `{prometheus_name(name, metric)}` | {metric.kind} | {', '.join(metric.services)} | "
        f"{', '.join(f'`{prometheus_label(each)}`' for each in metric.attributes)} | {metric.meaning} |"
        for name, metric in sorted(catalogue.metrics.items())
    ]
    return "\n".join(["| metric | kind | service | labels | meaning |", "|---|---|---|---|---|", *rows])


def labels_table(catalogue: Catalogue) -> str:
    """Return a table of all labels."""
    rows = [f"| `{prometheus_label(name)}` | {meaning} |" for name, meaning in sorted(catalogue.attributes.items())]
    return "\n".join(["| label | value |", "|---|---|", *rows])


def spans_table(catalogue: Catalogue) -> str:
    """Return a table of all spans."""
    rows = [
        f"| `{span.name}` | {span.kind} | {', '.join(span.services)} | {_named(catalogue, span.parent)} | "
        f"{', '.join(_named(catalogue, link) for link in span.links)} | {span.meaning} |"
        for span in catalogue.spans.values()
    ]
    return "\n".join(["| span | kind | service | parent | links to | meaning |", "|---|---|---|---|---|---|", *rows])


def logs_table(catalogue: Catalogue) -> str:
    """Return a table of all log lines."""
    rows = [
        f"| `{text}` | {', '.join(line.levels)} | {', '.join(line.services)} | {line.meaning} |"
        for text, line in catalogue.logs.items()
    ]
    return "\n".join(["| line | level | service | meaning |", "|---|---|---|---|", *rows])


def _named(catalogue: Catalogue, key: str) -> str:
    """Return the name of a span for its key; any other text as it is."""
    return f"`{catalogue.spans[key].name}`" if key in catalogue.spans else key


def updated(document: str, catalogue: Catalogue) -> str:
    """Return the document with new tables. Raises ValueError if it has no place for one."""
    tables = {
        "metrics": metrics_table(catalogue),
        "labels": labels_table(catalogue),
        "spans": spans_table(catalogue),
        "logs": logs_table(catalogue),
    }
    for name, table in tables.items():
        begin, end = _BEGIN.format(name=name), _END.format(name=name)
        found = re.findall(f"{re.escape(begin)}.*?{re.escape(end)}", document, re.DOTALL)
        if len(found) != 1:
            raise ValueError(f"the document has {len(found)} places between {begin!r} and {end!r}; there must be one")
        document = document.replace(found[0], f"{begin}\n{table}\n{end}")
    return document
