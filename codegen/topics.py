"""The facts of a topic from its YAML file, read strictly: a wrong key or value is refused with file, line and key."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import yaml

from codegen.errors import ContractError
from codegen.project import LEVELS

PARTITIONS_MAX: Final = 10_000
REPLICATION_MAX: Final = 32
WIDTH_BYTES_MAX: Final = 1_000_000
_TOPIC_NAME = re.compile(r"[A-Za-z0-9._-]{1,249}")


@dataclass(frozen=True)
class Topic:
    """One topic as its owner wants it. ``schema`` is a path below the contracts' folder."""

    file: str
    name: str
    owner: str
    purpose: str
    key_format: str
    schema: str
    subject: str
    compatibility: str
    partitions: int
    partitioner: str
    replication_factor: int
    min_insync_replicas: int
    width_bytes: int | None = None
    """The constant width that every record must have, where readers rely on one."""
    config: dict[str, str] = field(default_factory=dict)


def parse(file: str, source: str) -> Topic:
    """Return the topic of a YAML text. ``file`` is for messages. Raises ContractError."""
    try:
        root = yaml.compose(source, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ContractError(file, "", f"not YAML: {error.problem}", rule="yaml", line=line) from error
    except yaml.YAMLError as error:
        raise ContractError(file, "", f"not YAML: {error}", rule="yaml") from error
    if root is None:
        raise ContractError(file, "", "is empty; a topic needs at least topic, value and partitions", line=1)
    top = _Section(file, root, "")
    key, value, replication = top.section("key"), top.section("value"), top.section("replication")
    topic = Topic(
        file=file,
        name=top.text("topic", _topic_name, "1 to 249 letters, digits, points, underscores and hyphens"),
        owner=top.text("owner"),
        purpose=top.text("purpose"),
        key_format=key.text("format"),
        schema=value.text("schema", lambda text: text.endswith(".avsc"), "the path of an .avsc file"),
        subject=value.text("subject"),
        compatibility=value.text("compatibility", LEVELS.__contains__, ", ".join(LEVELS)),
        partitions=top.number("partitions", 1, PARTITIONS_MAX),
        partitioner=top.text("partitioner"),
        replication_factor=replication.number("factor", 1, REPLICATION_MAX),
        min_insync_replicas=replication.number("min_insync_replicas", 1, REPLICATION_MAX),
        width_bytes=value.number("width_bytes", 1, WIDTH_BYTES_MAX) if value.has("width_bytes") else None,
        config=top.section("config", required=False).texts(),
    )
    value.text("format", lambda text: text == "avro", "avro")
    for section in (top, key, value, replication):
        section.refuse_others()
    if topic.min_insync_replicas > topic.replication_factor:
        raise replication.error("min_insync_replicas", f"must not exceed the factor, {topic.replication_factor}")
    if "min.insync.replicas" in topic.config:
        raise top.error("config", "min.insync.replicas belongs under replication, as min_insync_replicas")
    return topic


def _topic_name(text: str) -> bool:
    return _TOPIC_NAME.fullmatch(text) is not None and text not in {".", ".."}


class _Section:
    """A mapping of the YAML tree that remembers lines and which keys were asked for."""

    def __init__(self, file: str, node: yaml.Node, path: str) -> None:
        self.file = file
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

    def _name(self, key: str) -> str:
        return f"{self.path}.{key}" if self.path else key

    def error(self, key: str, problem: str) -> ContractError:
        line = self._lines.get(key, self.line)
        return ContractError(self.file, self._name(key), problem, rule=f"topic-{key}", line=line)

    def _get(self, key: str) -> yaml.Node:
        self._asked.append(key)
        if key not in self._nodes:
            raise self.error(key, f"is missing; there are {', '.join(self._nodes) or 'no keys'}")
        return self._nodes[key]

    def has(self, key: str) -> bool:
        """Tell whether an optional key is there; it counts as asked for."""
        self._asked.append(key)
        return key in self._nodes

    def section(self, key: str, *, required: bool = True) -> "_Section":
        """Return the mapping under a key."""
        if not required and not self.has(key):
            return _Section(self.file, yaml.MappingNode("", [], yaml.Mark(self.file, 0, 0, 0, None, 0)), key)
        return _Section(self.file, self._get(key), self._name(key))

    def text(self, key: str, allow: Callable[[str], bool] = bool, allowed: str = "a text") -> str:
        """Return a text that ``allow`` accepts."""
        value = self._scalar(key, self._get(key))
        if not isinstance(value, str) or not allow(value):
            raise self.error(key, f"is {value!r}; allowed is {allowed}")
        return value

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
        return yaml.safe_load(yaml.serialize(node))
