"""What docs/DESIGN.md says of a partition's stages, and of the states that REST shows, as pairs of (from, to)."""

import re
from typing import Literal, TypeAlias

from consumer.core.partition.model import Partition
from consumer.core.partition.state import name_of
from tests_support.checkout import ROOT

Way: TypeAlias = tuple[str, str]
Table: TypeAlias = Literal["stages of a partition", "states of a partition"]


def documented(table: Table) -> set[Way]:
    """Return the ways in a table: its first column is from, its second lists what may follow."""
    text = (ROOT / "docs/DESIGN.md").read_text(encoding="utf-8")
    begin, end = f"<!-- begin: {table} -->", f"<!-- end: {table} -->"
    lines = text[text.index(begin) : text.index(end)].splitlines()
    rows = [line.split("|")[1:3] for line in lines if line.startswith("| `")]
    return {(before, after) for first, second in rows for before in _names(first) for after in _names(second)}


def stage_way(before: Partition, after: Partition) -> Way | None:
    """Return the way from one stage to another, None when it stays."""
    way = (type(before.stage).__name__, type(after.stage).__name__)
    return None if way[0] == way[1] else way


def shown_way(before: Partition, after: Partition) -> Way | None:
    """Return the way from one state that is shown to another, None when it stays."""
    way = (name_of(before.shown).value, name_of(after.shown).value)
    return None if way[0] == way[1] else way


def _names(cell: str) -> list[str]:
    return re.findall(r"`(\w+)`", cell)
