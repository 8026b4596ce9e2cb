"""A dashboard held against Grafana's own schema, which its foundation SDK has as Python models.

The models read leniently: a key that they do not know is dropped, and a value of a wrong type is kept. So a dashboard
is read, each value is compared with the type that its model declares, and what is written again must be what was read.
"""

import enum
import json
import types
import typing
from collections.abc import Iterator
from typing import Any, Literal, Union, get_args, get_origin

from grafana_foundation_sdk.cog import runtime
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def complaints(dashboard: dict[str, Any]) -> list[str]:
    """Return a sentence for each place at which a dashboard is not one that Grafana's schema describes."""
    register_default_plugins()
    try:
        unknown = [*_unknown_kinds(dashboard)]
        if unknown:
            return unknown
        read = Dashboard.from_json(dashboard)
    except (AttributeError, TypeError, KeyError, ValueError) as error:
        return [f"it cannot be read: {type(error).__name__}: {error}"]
    again = json.loads(json.dumps(read, cls=JSONEncoder))
    return [*_lost("", dashboard, again), *_mistyped("", read, Dashboard)]


def _unknown_kinds(dashboard: dict[str, Any]) -> Iterator[str]:
    """Yield the panels and datasources that the SDK has no model of: it would keep whatever they hold."""
    known = runtime.Runtime()
    for number, panel in enumerate(dashboard.get("panels", ())):
        if panel.get("type") != "row" and panel.get("type") not in known.panelcfg_variants:
            yield f".panels[{number}].type: no panel is of the kind {panel.get('type')!r}"
        for target in panel.get("targets", ()):
            kind = target.get("datasource", {}).get("type")
            if kind not in known.dataquery_variants:
                yield f".panels[{number}].targets: no datasource is of the kind {kind!r}"


def _lost(place: str, before: object, after: object) -> Iterator[str]:
    if isinstance(before, dict) and isinstance(after, dict):
        for key in sorted({*before, *after}):
            if key not in after:
                yield f"{place}.{key}: the schema does not have it"
            elif key not in before:
                yield f"{place}.{key}: the schema has it, and it is missing"
            else:
                yield from _lost(f"{place}.{key}", before[key], after[key])
    elif isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        for number, (one, other) in enumerate(zip(before, after, strict=True)):
            yield from _lost(f"{place}[{number}]", one, other)
    elif before != after:
        yield f"{place}: {before!r} became {after!r}"


def _mistyped(place: str, value: object, declared: Any) -> Iterator[str]:
    """Yield where a value is not of its declared type; a model's own fields are looked at by their declarations."""
    origin, parts = get_origin(declared), get_args(declared)
    if origin in (Union, types.UnionType):
        possible = [part for part in parts if value is None or part is not type(None)]
        found = [[*_mistyped(place, value, part)] for part in possible]
        yield from [] if [] in found else min(found, key=len)
    elif origin is list and isinstance(value, list):
        for number, each in enumerate(value):
            yield from _mistyped(f"{place}[{number}]", each, parts[0])
    elif origin is dict and isinstance(value, dict):
        for key, each in value.items():
            yield from _mistyped(f"{place}.{key}", each, parts[1])
    elif origin is not None:
        if origin is not Literal or value not in parts:
            yield _wrong(place, value, declared)
    elif not _fits(value, declared):
        yield _wrong(place, value, declared)
    elif hasattr(value, "to_json"):
        for name, field in typing.get_type_hints(type(value)).items():
            yield from _mistyped(f"{place}.{name}", getattr(value, name), field)


def _fits(value: object, declared: Any) -> bool:
    if declared in (Any, object):
        return True
    if declared is float:
        return isinstance(value, int | float) and not isinstance(value, bool)
    if declared is int:
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(declared, type) and issubclass(declared, enum.Enum):
        return value in {each.value for each in declared}
    return isinstance(value, declared)


def _wrong(place: str, value: object, declared: Any) -> str:
    return f"{place}: {value!r} is no {getattr(declared, '__name__', declared)}"
