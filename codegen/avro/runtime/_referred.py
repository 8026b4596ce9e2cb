"""Writers' schemas that refer to schemas of other subjects, put together to one text that needs no other.

A registry keeps such a schema as it was written, and beside it which versions of which subjects have the types that it
only names. They are fetched, each once; then each type stands where it is used first.

Bounded, whatever a registry says: no more schemas, characters and references of references than below, and no circle.
"""

import functools as _functools
import json as _json
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

from ._runtime import AvroDecodeError
from ._schemas import PRIMITIVES, full_name

SCHEMAS_MAX: Final = 256
"""Schemas that one schema may need, all in all."""

DEPTH_MAX: Final = 32
"""A schema refers to one that refers to one, and so on: so often."""

CHARACTERS_MAX: Final = 4_000_000
"""Of the texts of all these schemas together."""

_KEPT_MAX: Final = 256
"""Ids whose schemas are kept, so that a value does not ask again for what the one before it needed."""

_NAMED: Final = frozenset({"record", "error", "enum", "fixed"})
_WORDS: Final = _NAMED | {"array", "map"}

Version: TypeAlias = tuple[str, int]
"""(subject, version)"""
Fetch: TypeAlias = Callable[[int | Version], tuple[str, Sequence[Version]]]
"""Returns the text of an id, or of a version, and the versions that it refers to."""


@_functools.lru_cache(_KEPT_MAX)
def whole_schema(fetch: Fetch, schema_id: int) -> str:
    """Return the text of an id with all that it refers to. Raises AvroDecodeError, and what ``fetch`` raises."""
    text, references = fetch(schema_id)
    if not references:
        return text
    fetched = _Fetched(fetch, schema_id)
    fetched.take(references, ())
    try:
        types = _Types()
        for other in fetched.texts.values():
            types.flat(_json.loads(other), "")
        top = types.flat(_json.loads(text), "")
        return _json.dumps(types.unfolded(top, set()))
    except AvroDecodeError:
        raise
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise AvroDecodeError(
            f"the schema {schema_id} and what it refers to are not Avro schemas: {type(error).__name__} {error}"
        ) from None


class _Fetched:
    """The texts that a schema refers to: each after those that it refers to itself."""

    def __init__(self, fetch: Fetch, schema_id: int) -> None:
        self.texts: dict[Version, str] = {}
        self._fetch = fetch
        self._id = schema_id
        self._seen: set[Version] = set()
        self._characters = 0

    def take(self, references: Sequence[Version], path: tuple[Version, ...]) -> None:
        """Fetch what is referred to at the end of a ``path`` of references. Raises AvroDecodeError."""
        for one in references:
            if one in path:
                raise self._error(f"refers to schemas in a circle: {_shown((*path[path.index(one) :], one))}")
            if one in self._seen:
                continue
            if len(path) >= DEPTH_MAX:
                raise self._error(
                    f"has references more than {DEPTH_MAX} deep: {_shown(path[:3])} -> ... -> {_shown((one,))}"
                )
            if len(self._seen) >= SCHEMAS_MAX:
                raise self._error(f"refers to more than {SCHEMAS_MAX} others")
            self._seen.add(one)
            text, more = self._fetch(one)
            self._characters += len(text)
            if self._characters > CHARACTERS_MAX:
                raise self._error(f"refers to schemas with more than {CHARACTERS_MAX} characters")
            self.take(more, (*path, one))
            self.texts[one] = text

    def _error(self, problem: str) -> AvroDecodeError:
        return AvroDecodeError(f"the schema {self._id} {problem}")


def _shown(path: Sequence[Version]) -> str:
    return " -> ".join(f"{subject}@{version}" for subject, version in path)


class _Types:
    """Named types by full name, in each of which others are names only."""

    def __init__(self) -> None:
        self._types: dict[str, dict[str, Any]] = {}

    def flat(self, tree: Any, namespace: str) -> Any:
        """Take the types out of a schema and return what is left: names in their place. Raises AvroDecodeError."""
        if isinstance(tree, str):
            full = full_name(tree, namespace)
            return tree if tree in PRIMITIVES or (full not in self._types and tree in self._types) else full
        if isinstance(tree, list):
            return [self.flat(branch, namespace) for branch in tree]
        kind = tree["type"]
        if not isinstance(kind, str) or kind not in _NAMED:
            return _with_parts(tree, lambda part: self.flat(part, namespace))
        name = full_name(tree["name"], tree.get("namespace", namespace) or "")
        inner, _, short = name.rpartition(".")
        before = self._types.setdefault(name, {})  # known to its own fields
        named = {**tree, "name": short, "namespace": inner}
        self._types[name] = _with_parts(named, lambda part: self.flat(part, inner))
        if before not in ({}, self._types[name]):
            raise AvroDecodeError(f"the writer's schema and what it refers to define {name} in different ways")
        return name

    def unfolded(self, tree: Any, written: set[str]) -> Any:
        """Return what ``flat`` left with each type at its first name. ``written`` are those that stand before it."""
        if isinstance(tree, list):
            return [self.unfolded(branch, written) for branch in tree]
        if isinstance(tree, str):
            if tree in written or tree not in self._types:
                return tree
            written.add(tree)
            tree = self._types[tree]
        return _with_parts(tree, lambda part: self.unfolded(part, written))


def _with_parts(node: dict[str, Any], put: Callable[[Any], Any]) -> dict[str, Any]:
    """Return a copy of a node, without its words, in which ``put`` has been at each type that it holds."""
    made = {key: put(value) if key in {"items", "values"} else value for key, value in node.items() if key != "doc"}
    if "fields" in made:
        fields = ({key: value for key, value in field.items() if key != "doc"} for field in made["fields"])
        made["fields"] = [{**field, "type": put(field["type"])} for field in fields]
    kind = made["type"]
    return made if isinstance(kind, str) and kind in _WORDS else {**made, "type": put(kind)}
