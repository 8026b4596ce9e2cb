"""codegen.yaml with another level and other subjects, while everything else stays: comments, order, other keys."""

from collections.abc import Mapping
from typing import Any, Final

import yaml

from codegen.errors import CodegenError

_WIDTH: Final = 120
_Lines = tuple[int, int]


def dumped(content: Mapping[str, Any]) -> str:
    """Return a mapping as YAML, in its own order."""
    return yaml.safe_dump(dict(content), sort_keys=False, allow_unicode=True, width=_WIDTH) if content else ""


def with_entries(path: str, text: str, level: str | None, subjects: Mapping[str, Mapping[str, Any] | None]) -> str:
    """Return the text with this level and these subjects; None takes a subject out.

    Raises CodegenError, which names ``path``, for a text that cannot be changed line by line.
    """
    before = yaml.safe_load(text) or {}
    table = {**(before.get("subjects") or {}), **subjects}
    due = {**before, "level": level, "subjects": {name: entry for name, entry in table.items() if entry is not None}}
    due = {key: value for key, value in due.items() if value or key not in ("level", "subjects")}
    lines = [line if line.endswith("\n") else f"{line}\n" for line in text.splitlines(keepends=True)]
    for (first, last), new in sorted(_edits(text, len(lines), before, due), reverse=True):
        lines[first:last] = [new]
    made = "".join(lines)
    try:
        right = yaml.safe_load(made) == (due or None)
    except yaml.YAMLError:
        right = False
    if not right:
        raise CodegenError(f"{path} is not laid out line by line, so nothing can be changed in it: write {due} there")
    return made


def _edits(text: str, end: int, before: Mapping[str, Any], due: Mapping[str, Any]) -> list[tuple[_Lines, str]]:
    """Return the lines that go, and what comes in their place."""
    root: Any = yaml.compose(text)
    places = _places(root)
    there = places.get("subjects", (end, end))
    found: list[tuple[_Lines, str]] = []
    if before.get("level") != due.get("level"):
        level = {"level": due["level"]} if "level" in due else {}
        found.append((places.get("level", (there[0], there[0])), dumped(level)))
    had, has = before.get("subjects") or {}, due.get("subjects", {})
    if not (had and has):
        return found if had == has else [*found, (there, dumped({"subjects": has} if has else {}))]
    [node] = [value for key, value in root.value if key.value == "subjects"]
    places, indent = _places(node), " " * node.value[0][0].start_mark.column
    behind = max(last for _, last in places.values())
    for name in [*had, *(name for name in has if name not in had)]:
        if had.get(name) != has.get(name):
            new = dumped({name: has[name]}) if name in has else ""
            found.append(
                (places.get(name, (behind, behind)), "".join(f"{indent}{line}" for line in new.splitlines(True)))
            )
    return found


def _places(node: Any) -> dict[str, _Lines]:
    """Return the lines of each key of a mapping: its first, and the one after its last."""
    pairs = node.value if isinstance(node, yaml.MappingNode) else ()
    return {key.value: (key.start_mark.line, max(_last(key), _last(value))) for key, value in pairs}


def _last(node: Any) -> int:
    """Return the line after the last one of a node; what follows it, comments and blank lines, is not its own."""
    if isinstance(node, yaml.CollectionNode) and node.value and not node.flow_style:
        last = node.value[-1]
        return _last(last[1] if isinstance(last, tuple) else last)
    return int(node.end_mark.line) + int(node.end_mark.column > 0)
