"""``retired.yaml``, in the contracts' folder: what was promised once and is not any more. It may be missing.

::

    subject shop.orders.v1-value:
      date: 2026-12-01
      reason: Nobody has read it since October.
    message shop.v1.Order:
      moved_to: shop.v2.Order

A key is what ``codegen plan`` calls the thing; an entry says when and why it was given up, or what to use instead: by
the name of something that the contracts have, or had and say to be retired as well.
"""

import datetime
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codegen.errors import ContractError
from codegen.yaml_file import Section, section_of

FILE: Final = "retired.yaml"
KINDS: Final = ("subject", "topic", "file", "level", "package", "message", "enum", "service", "rpc")
_KEY: Final = re.compile(rf"\s*({'|'.join(KINDS)})\s+(\S|\S.*\S)\s*")


@dataclass(frozen=True)
class Retired:
    """What is said of a thing: why and since when in words, and the name of what to use instead, if there is one."""

    sentence: str
    moved_to: str = ""


def retired_of(root: Path) -> dict[str, Retired]:
    """Return the entries by what is retired, none without the file. Raises ContractError."""
    try:
        source = (root / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise ContractError(FILE, "", f"cannot be read: {error}") from error
    top = section_of(FILE, source, "retired", "delete it, or say in it what is retired")
    found: dict[str, Retired] = {}
    for key in top.keys:
        match = _KEY.fullmatch(key)
        if match is None:
            raise top.error(key, f"is not one of {', '.join(KINDS)} with a name after it, as codegen plan prints it")
        name = f"{match[1]} {match[2]}"
        if name in found:
            raise top.error(key, "the key is there twice")
        found[name] = _entry(top.section(key))
    return found


def sentences(retired: Mapping[str, Retired]) -> dict[str, str]:
    """Return why and since when, by what is retired."""
    return {key: entry.sentence for key, entry in retired.items()}


def _entry(entry: Section) -> Retired:
    moved_to = entry.text("moved_to").strip() if entry.has("moved_to") else ""
    said = [f"moved to {moved_to}"] if moved_to else []
    if not said or entry.has("date") or entry.has("reason"):
        said.insert(0, f"retired on {_date(entry)}: {entry.text('reason').strip()}")
    entry.refuse_others()
    return Retired("; ".join(said), moved_to)


def _date(entry: Section) -> str:
    text = entry.source("date")
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        raise entry.error("date", f"is {text!r}; allowed is a date, for example 2026-12-01") from None


def of_subject(retired: Mapping[str, str], subject: str, topics: Mapping[str, Collection[str]]) -> str:
    """Return when and why a subject was given up, by itself or with its topic; nothing when it was not."""
    names = (f"subject {subject}", *(f"topic {topic}" for topic, subjects in topics.items() if subject in subjects))
    return next((retired[name] for name in names if name in retired), "")


def wrong(retired: Mapping[str, Retired], there: Collection[str]) -> Iterator[ContractError]:
    """Yield a finding for each thing that is said to be retired and is ``there`` all the same, by its key."""
    for key in retired:
        if key in there:
            problem = "is said to be retired, and the contracts still have it; take the entry out, or the contract"
            yield ContractError(FILE, key, problem, rule="retired")


def astray(retired: Mapping[str, Retired], there: Collection[str]) -> Iterator[ContractError]:
    """Yield a finding for each thing that is said to have moved to what is neither ``there`` nor retired, too."""
    for key, entry in retired.items():
        names = {other.partition(" ")[2] for other in (*there, *retired) if other != key}
        if entry.moved_to and entry.moved_to not in names:
            problem = (
                f"is {entry.moved_to!r}, and the contracts have nothing of this name; "
                "name what they have, or say date and reason instead"
            )
            yield ContractError(FILE, f"{key}.moved_to", problem, rule="retired")
