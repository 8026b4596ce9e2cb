"""What the agent in the broker's JVM reads from JMX (`jmx_exporter/kafka.yml`), generated from the catalogue.

The broker has thousands of beans, and reading all of them takes half a second, so the agent reads only those that the
catalogue names. It cannot be told to omit its own metrics of the JVM: `kept` returns the names that are ours.
"""

import re
from typing import Any, Final

import yaml

from observability.catalogue import Bean, Catalogue, Metric, prometheus_label, prometheus_name

SERVICE: Final = "kafka"
_HEADER: Final = "# Generated from observability/signals.yaml by `just gen`: what the broker's agent reports.\n"
_BEAN: Final = re.compile(r"(?P<domain>[^<]+)<(?P<properties>[^>]*)>")


def configuration(catalogue: Catalogue) -> str:
    """Return the agent's configuration."""
    metrics = {name: catalogue.metrics[name] for name in sorted(catalogue.metrics_of(SERVICE))}
    whole = {
        "includeObjectNames": sorted({_object_name(bean.pattern) for each in metrics.values() for bean in each.jmx}),
        "rules": [_rule(name, metric, bean) for name, metric in metrics.items() for bean in metric.jmx],
    }
    return _HEADER + yaml.safe_dump(whole, sort_keys=False, width=200)


def kept(catalogue: Catalogue) -> list[str]:
    """Return the names on the broker's /metrics that are in the catalogue."""
    return sorted(prometheus_name(name, catalogue.metrics[name]) for name in catalogue.metrics_of(SERVICE))


def _object_name(pattern: str) -> str:
    """Return the object name of the beans that a pattern is for; a group of the pattern stands for any value."""
    found = _BEAN.match(pattern)
    assert found is not None, pattern
    pairs = (pair.partition("=") for pair in found["properties"].split(", "))
    return f"{found['domain']}:" + ",".join(f"{key}={'*' if '(' in value else value}" for key, _, value in pairs)


def _rule(name: str, metric: Metric, bean: Bean) -> dict[str, Any]:
    rule = {"pattern": bean.pattern, "name": prometheus_name(name, metric), "type": metric.kind.upper()}
    labels = {prometheus_label(key): value for key, value in zip(metric.attributes, bean.values, strict=False)}
    extra: dict[str, Any] = {"labels": labels} if labels else {}
    if bean.factor != 1.0:
        extra["valueFactor"] = bean.factor
    return {**rule, "help": metric.meaning, **extra}
