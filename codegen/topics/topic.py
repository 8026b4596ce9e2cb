"""The facts of a topic from its YAML file, read strictly: a wrong key or value is refused with file, line and key."""

import re
from dataclasses import dataclass, field
from typing import Final

from codegen.project import LEVELS
from codegen.topics import settings
from codegen.yaml_file import Section, section_of

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
    top = section_of(file, source, "topic", "a topic needs at least topic, value and partitions")
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
        config=_config(top.section("config", required=False)),
    )
    value.text("format", lambda text: text == "avro", "avro")
    for section in (top, key, value, replication):
        section.refuse_others()
    if topic.min_insync_replicas > topic.replication_factor:
        raise replication.error("min_insync_replicas", f"must not exceed the factor, {topic.replication_factor}")
    if "min.insync.replicas" in topic.config:
        raise top.error("config", "min.insync.replicas belongs under replication, as min_insync_replicas")
    return topic


def _config(section: Section) -> dict[str, str]:
    found = section.texts()
    for name, value in found.items():
        if (wrong := settings.problem(name, value)) is not None:
            raise section.error(name, wrong)
    return found


def _topic_name(text: str) -> bool:
    return _TOPIC_NAME.fullmatch(text) is not None and text not in {".", ".."}
