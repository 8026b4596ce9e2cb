"""A file of a contracts folder that holds a YAML mapping: as it is, or read strictly, with lines for messages."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import yaml

from codegen.errors import ContractError

_UNREADABLE: Final = (ValueError, RecursionError, KeyError, AttributeError)
"""What PyYAML raises for a 13th month, for thousands of brackets, and for a text that is not of the tag before it."""


def mapping_of(path: Path, content: str) -> dict[str, Any]:
    """Return the mapping, an empty one without the file. ``content`` says for messages what it holds.

    Raises ContractError.
    """
    try:
        source = path.read_text(encoding="utf-8")
        _require_whole(path.name, yaml.compose(source, Loader=yaml.SafeLoader))
        tree: Any = yaml.safe_load(source) or {}
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(path.name, "", f"cannot be read: {error}") from error
    except (yaml.YAMLError, *_UNREADABLE) as error:
        raise ContractError(path.name, "", f"is not YAML: {error}", rule="yaml") from error
    if not isinstance(tree, dict):
        raise ContractError(path.name, "", f"must be a mapping {content}")
    return tree


def section_of(file: str, source: str, rule: str, needs: str) -> "Section":
    """Return the top mapping of a YAML text. ``file``, ``rule`` and ``needs``, what it must hold, are for messages.

    Raises ContractError.
    """
    try:
        root = yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ContractError(file, "", f"not YAML: {error.problem}", rule="yaml", line=line) from error
    except (yaml.YAMLError, *_UNREADABLE) as error:
        raise ContractError(file, "", f"not YAML: {error}", rule="yaml", line=1) from error
    if root is None:
        raise ContractError(file, "", f"is empty; {needs}", line=1)
    _require_whole(file, root)
    return Section(file, root, "", rule)


def _require_whole(file: str, root: yaml.Node | None) -> None:
    """Raise ContractError for a key that is there twice, and for half a character, which no file can hold."""
    waiting = [root]
    seen: set[int] = set()  # an anchor may hold itself
    for node in waiting:  # grows while it is walked
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.ScalarNode) and any("\ud800" <= character <= "\udfff" for character in node.value):
            line = node.start_mark.line + 1
            raise ContractError(
                file, "", "a text has half of a character; its other half is missing", rule="yaml", line=line
            )
        if isinstance(node, yaml.SequenceNode):
            waiting += node.value
        if isinstance(node, yaml.MappingNode):
            names: set[str] = set()
            for key, value in node.value:
                waiting += (key, value)
                if isinstance(key, yaml.ScalarNode) and key.value in names:
                    line = key.start_mark.line + 1
                    raise ContractError(file, key.value, "the key is there twice", rule="yaml", line=line)
                names.add(str(key.value))


class Section:
    """A mapping of the YAML tree that remembers lines and which keys were asked for."""

    def __init__(self, file: str, node: yaml.Node, path: str, rule: str) -> None:
        self.file = file
        self.rule = rule
        self.path = path
        self.line = node.start_mark.line + 1
        self._asked: list[str] = []
        self._nodes: dict[str, yaml.Node] = {}
        self._lines: dict[str, int] = {}
        if not isinstance(node, yaml.MappingNode):
            raise ContractError(
                file, path, f"{path or 'the file'} must be a mapping of keys to values", rule="yaml", line=self.line
            )
        for key, value in node.value:
            name = str(key.value)
            line = key.start_mark.line + 1
            if name in self._nodes:
                raise ContractError(file, self._name(name), "the key is there twice", rule="yaml", line=line)
            self._nodes[name], self._lines[name] = value, line

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys in their order; each counts as asked for."""
        self._asked += self._nodes
        return tuple(self._nodes)

    def _name(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def error(self, key: str, problem: str) -> ContractError:
        """Return an error about the value of a key, with its line."""
        line = self._lines.get(key, self.line)
        return ContractError(self.file, self._name(key), problem, rule=f"{self.rule}-{key}", line=line)

    def _get(self, key: str) -> yaml.Node:
        self._asked.append(key)
        if key not in self._nodes:
            raise self.error(key, f"is missing; there are {', '.join(self._nodes) or 'no keys'}")
        return self._nodes[key]

    def has(self, key: str) -> bool:
        """Tell whether an optional key is there; it counts as asked for."""
        self._asked.append(key)
        return key in self._nodes

    def section(self, key: str, *, required: bool = True) -> "Section":
        """Return the mapping under a key."""
        if not required and not self.has(key):
            return Section(self.file, yaml.MappingNode("", [], yaml.Mark(self.file, 0, 0, 0, None, 0)), key, self.rule)
        return Section(self.file, self._get(key), self._name(key), self.rule)

    def text(self, key: str, allow: Callable[[str], bool] = bool, allowed: str = "a text") -> str:
        """Return a text that ``allow`` accepts."""
        value = self._scalar(key, self._get(key))
        if not isinstance(value, str) or not allow(value):
            raise self.error(key, f"is {value!r}; allowed is {allowed}")
        return value

    def source(self, key: str) -> str:
        """Return a single value as it is written."""
        node = self._get(key)
        if not isinstance(node, yaml.ScalarNode):
            raise self.error(key, "must be a single value")
        return str(node.value)

    def number(self, key: str, least: int, most: int) -> int:
        """Return a whole number of a range."""
        value = self._scalar(key, self._get(key))
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            raise self.error(key, f"is {value!r}; allowed is a whole number from {least} to {most}")
        return value

    def texts(self) -> dict[str, str]:
        """Return the whole mapping; Kafka's configuration values are texts, so numbers must be quoted."""
        found = {}
        for key, node in self._nodes.items():
            value = self._scalar(key, node)
            if not isinstance(value, str):
                raise self.error(key, f'is {value!r}; allowed is a text, so put it in quotes: "{node.value}"')
            found[key] = value
        return found

    def refuse_others(self) -> None:
        """Raise for a key that nobody asked for."""
        for key in self._nodes:
            if key not in self._asked:
                raise self.error(key, f"is not a key here; allowed are {', '.join(sorted(set(self._asked)))}")

    def _scalar(self, key: str, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode):
            raise self.error(key, "must be a single value")
        try:
            return yaml.safe_load(yaml.serialize(node))
        except _UNREADABLE as error:
            raise self.error(key, f"is {node.value!r}, which looks like a value of YAML and is none: {error}") from None
