"""Avro schemas that use types of other files: found, and put into the text, so that everybody else sees a whole schema.

A registry keeps such a schema as it was written, beside references to the subjects that have the types. Code, pages and
verdicts need the whole: ``stand_alone`` puts each type that a text does not define itself where it is used first.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, Final

from tally.base.fingerprint import NESTING_MAX, PRIMITIVES, full_name

_NAMED: Final = frozenset({"record", "error", "enum", "fixed"})
_WORDS: Final = _NAMED | {"array", "map"}

Imports = tuple[tuple[str, str], ...]
"""(name, text) of the schemas that another one needs."""


def stand_alone(text: str, imports: Iterable[tuple[str, str]]) -> str:
    """Return a schema's text with the types of others in it; the same text when it needs none. Never raises.

    What is no schema, and a name that nobody defines, is left for the parser to tell.
    """
    sources = [source for _, source in imports]
    if not sources:
        return text
    tree = _tree(text)
    if tree is None:
        return text
    found: dict[str, Any] = {}
    for source in sources:
        for name, node in _definitions(_tree(source)):
            found.setdefault(name, node)
    whole = _Inliner(found).whole(tree)
    return json.dumps(whole, separators=(",", ":"), ensure_ascii=False)


def missing(text: str) -> tuple[str, ...]:
    """Return the full names of the types that a text uses and does not define, in the order of their first use."""
    names: list[str] = []
    for use in _walked(_tree(text)):
        if use.missing is not None and use.missing not in names:
            names.append(use.missing)
    return tuple(names)


def defined(text: str) -> tuple[str, ...]:
    """Return the full names of the types that a text defines, its top first."""
    return tuple(name for name, _ in _definitions(_tree(text)))


def top(text: str) -> str:
    """Return the full name of the type that a text is, nothing for a type without a name."""
    tree = _tree(text)
    while isinstance(tree, dict) and isinstance(tree.get("type"), dict):
        tree = tree["type"]
    first = next(_walked(tree), None)
    return first.defines or "" if first is not None and first.tree is tree else ""


@dataclass(frozen=True)
class _Node:
    """A schema's node on the way: the namespace in force; ``defines`` and ``missing`` are full names."""

    tree: Any
    namespace: str
    defines: str | None = None
    missing: str | None = None


def _tree(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _definitions(tree: Any) -> Iterator[tuple[str, Any]]:
    """Yield (full name, its node with an absolute namespace) of each type."""
    for node in _walked(tree):
        if node.defines is not None:
            namespace, _, name = node.defines.rpartition(".")
            yield node.defines, {**node.tree, "name": name, "namespace": namespace}


def _walked(tree: Any) -> Iterator[_Node]:
    known: set[str] = set()
    return _walk(tree, "", known, 0)


def _walk(tree: Any, namespace: str, known: set[str], depth: int) -> Iterator[_Node]:
    """Yield the types that are defined, and those that are used and not defined before."""
    if depth > NESTING_MAX:
        return
    if isinstance(tree, str):
        if tree not in PRIMITIVES and not {tree, full_name(tree, namespace)} & known:
            yield _Node(tree, namespace, missing=full_name(tree, namespace))
    elif isinstance(tree, list):
        for branch in tree:
            yield from _walk(branch, namespace, known, depth + 1)
    elif isinstance(tree, dict):
        kind = tree.get("type")
        if not isinstance(kind, str) or kind not in _WORDS:
            yield from _walk(kind, namespace, known, depth + 1)
            return
        inner = namespace
        if kind in _NAMED and isinstance(tree.get("name"), str):
            name = full_name(tree["name"], str(tree.get("namespace", namespace) or ""))
            known.add(name)
            inner = name.rpartition(".")[0]
            yield _Node(tree, namespace, defines=name)
        for _, child in _children(tree):
            yield from _walk(child, inner, known, depth + 1)


def _children(tree: dict[str, Any]) -> Iterator[tuple[tuple[Any, str], Any]]:
    """Yield ((where it stands, its key), a type) of what a node holds."""
    for key in ("items", "values"):
        if key in tree:
            yield (tree, key), tree[key]
    fields = tree.get("fields")
    for field in fields if isinstance(fields, list) else ():
        if isinstance(field, dict) and "type" in field:
            yield (field, "type"), field["type"]


class _Inliner:
    """Puts definitions where names are used first."""

    def __init__(self, found: Mapping[str, Any]) -> None:
        self._found = found
        self._known: set[str] = set()

    def whole(self, tree: Any) -> Any:
        """Return a copy of a schema that needs nobody else."""
        own = {name for name, _ in _definitions(tree)}
        self._own = own
        return self._put(deepcopy(tree), "", 0)

    def _put(self, tree: Any, namespace: str, depth: int) -> Any:
        if depth > NESTING_MAX:
            return tree
        if isinstance(tree, str):
            return self._named(tree, namespace, depth)
        if isinstance(tree, list):
            return [self._put(branch, namespace, depth + 1) for branch in tree]
        if not isinstance(tree, dict):
            return tree
        kind = tree.get("type")
        if not isinstance(kind, str) or kind not in _WORDS:
            if kind is not None:
                tree["type"] = self._put(kind, namespace, depth + 1)
            return tree
        inner = namespace
        if kind in _NAMED and isinstance(tree.get("name"), str):
            name = full_name(tree["name"], str(tree.get("namespace", namespace) or ""))
            self._known.add(name)
            inner = name.rpartition(".")[0]
        for (holder, key), child in _children(tree):
            holder[key] = self._put(child, inner, depth + 1)
        return tree

    def _named(self, name: str, namespace: str, depth: int) -> Any:
        candidates = (full_name(name, namespace), name)
        if name in PRIMITIVES or self._known.intersection(candidates):
            return name
        for candidate in candidates:
            if candidate in self._found and candidate not in self._own:
                return self._put(deepcopy(self._found[candidate]), "", depth + 1)
        return name
