"""The Python module with every topic's facts as constants."""

import re
from collections.abc import Mapping, Sequence

from codegen.avro.modules import module_names
from codegen.avro.schema import AvroFile
from codegen.errors import ContractError
from codegen.topics.topic import Topic

_HEAD = '''\
"""The topics' facts, as constants: what the files of contracts/topics say."""

from dataclasses import dataclass
from typing import Final

{imports}


@dataclass(frozen=True)
class TopicFacts:
    """What a program must know about a topic."""

    name: str
    partitions: int
    subject: str
    schema: str
    """The value's Avro schema as JSON, as it is registered."""
    fingerprint: str
    """Its semantic fingerprint."""
    compatibility: str
    replication_factor: int
    """Lowered to the number of brokers where there are fewer."""
    min_insync_replicas: int
    config: dict[str, str]
'''


def module_text(topics: Sequence[Topic], schemas: Mapping[str, AvroFile], header: str) -> str:
    """Return the module's text. ``schemas`` are by the path that the topics name. Raises ContractError."""
    constants = constant_names(topics)
    modules = module_names(schemas)
    imports = "\n".join(sorted({_import(modules[topic.schema]) for topic in topics if topic.schema in modules}))
    lines = [header, _HEAD.format(imports=imports)]
    for topic in topics:
        schema = schemas.get(topic.schema)
        if schema is None:
            raise ContractError(
                topic.file, "", f"value.schema: {topic.schema!r} is not there; there are {', '.join(sorted(schemas))}"
            )
        lines += [
            "",
            f"{constants[topic.name]}: Final = TopicFacts(",
            *_arguments(topic, modules[topic.schema]),
            ")",
            '"""',
        ]
        lines[-1] += topic.purpose.replace("\\", "\\\\").replace('"', '\\"') + '"""'
    lines += [
        "",
        f"ALL: Final = ({''.join(f'{constants[t.name]}, ' for t in topics).strip()})",
        '"""Every topic."""',
        "",
    ]
    return "\n".join(lines)


def _import(module: str) -> str:
    folder, _, name = f"avro.{module}".rpartition(".")
    return f"from .{folder} import {name} as {_alias(module)}"


def _alias(module: str) -> str:
    return f"_{module.replace('.', '__')}"


def _arguments(topic: Topic, module: str) -> list[str]:
    return [
        f"    name={topic.name!r},",
        f"    partitions={topic.partitions},",
        f"    subject={topic.subject!r},",
        f"    schema={_alias(module)}.SCHEMA,",
        f"    fingerprint={_alias(module)}.FINGERPRINT,",
        f"    compatibility={topic.compatibility!r},",
        f"    replication_factor={topic.replication_factor},",
        f"    min_insync_replicas={topic.min_insync_replicas},",
        "    config={",
        *(f"        {key!r}: {value!r}," for key, value in sorted(topic.config.items())),
        "    },",
    ]


def constant_names(topics: Sequence[Topic]) -> dict[str, str]:
    """Return a constant for each topic's name: ``tally.sums.v1.dlt`` is ``SUMS_DLT`` among ``tally.…`` topics.

    Version parts (``v1``) are left out, and so is a first part that all topics share.
    """
    parts = {topic.name: re.split(r"[._-]+", topic.name) for topic in topics}
    shared = {name_parts[0] for name_parts in parts.values()}
    found: dict[str, str] = {}
    for name, name_parts in parts.items():
        words = [word for word in name_parts if word and not re.fullmatch(r"v\d+", word)]
        if len(shared) == 1 and len(words) > 1:
            words = words[1:]
        constant = "_".join(words).upper() or "TOPIC"
        if not constant[0].isalpha():
            constant = f"TOPIC_{constant}"
        if constant in found.values():
            constant = "_".join(name_parts).upper()
        found[name] = constant
    return found
