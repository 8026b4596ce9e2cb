"""Avro schemas of other projects: each with where it is from, its text, and whether its own project calls it valid."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from codegen.avro import parse as avro_parse
from codegen.avro import types as avro_types
from codegen.errors import ContractError


@dataclass(frozen=True)
class Foreign:
    """One schema. ``name`` is its path in the package."""

    name: str
    text: str


def files_of(folder: Path) -> Iterator[Foreign]:
    """Yield the schema files of a package."""
    for path in sorted(folder.rglob("*.avsc")):
        yield Foreign(path.relative_to(folder).as_posix(), path.read_text(encoding="utf-8-sig"))


def refusals(schemas: Iterable[Foreign]) -> tuple[int, Mapping[str, list[str]]]:
    """Return how many schemas there are, and the refused ones with their sentences, by rule."""
    total = 0
    refused: dict[str, list[str]] = {}
    for schema in schemas:
        total += 1
        try:
            avro_types.module_text(avro_parse.parse(schema.name, schema.text), "# foreign")
        except ContractError as error:
            refused.setdefault(error.rule, []).append(str(error))
    return total, refused


def counted(refused: Mapping[str, list[str]]) -> dict[str, int]:
    """Return the number of refused schemas by rule."""
    return dict(Counter({rule: len(sentences) for rule, sentences in refused.items()}))
