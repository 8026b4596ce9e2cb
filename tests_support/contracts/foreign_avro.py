"""Avro schemas of other projects: read, made into code, and what is refused with its reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from codegen.avro import parse as avro_parse
from codegen.avro import types as avro_types
from codegen.avro.folder import AvroFolder
from codegen.avro.schema import AvroFile
from codegen.errors import ContractError
from codegen.json_places import plain


@dataclass(frozen=True)
class Refused:
    """A schema that codegen does not take: the rule, and the sentence."""

    rule: str
    sentence: str


Found = Mapping[str, AvroFile | Refused]
"""Schemas by their paths or names."""


def of_folder(folder: Path) -> Found:
    """Return every schema file of a project, read together with the others, and made into code."""
    texts = {path.relative_to(folder).as_posix(): _text(path) for path in sorted(folder.rglob("*.avsc"))}
    together = AvroFolder(texts, {}, _no_history)
    return {path: _made(path, partial(together.parsed, path)) for path in texts}


def of_texts(texts: Mapping[str, str]) -> Found:
    """Return every schema text, each read alone and made into code."""
    return {name: _made(name, partial(avro_parse.parse, name, text)) for name, text in texts.items()}


def refused(found: Found) -> dict[str, list[str]]:
    """Return the sentences of the refused ones by rule."""
    by_rule: dict[str, list[str]] = {}
    for each in found.values():
        if isinstance(each, Refused):
            by_rule.setdefault(each.rule, []).append(each.sentence)
    return by_rule


def counts(by_rule: Mapping[str, list[str]]) -> dict[str, int]:
    """Return the number of refused schemas by rule."""
    return {rule: len(sentences) for rule, sentences in by_rule.items()}


def _made(name: str, parse: Callable[[], AvroFile]) -> AvroFile | Refused:
    try:
        schema = parse()
        compile(avro_types.module_text(schema, "# foreign"), name, "exec")
    except ContractError as error:
        return Refused(error.rule, str(error))
    return schema


def _text(path: Path) -> str:
    return plain(path.read_text(encoding="utf-8-sig"))


def _no_history(subject: str, version: int) -> Any:
    raise KeyError(f"{subject}@{version}")
