"""May Tally be handed on with a part, by its licence? ``licences.toml`` beside this says which are allowed, and why.

What a package's metadata says counts first. Where it says nothing that SPDX knows, the file may say what the licence's
own text was read to be. A licence that nobody knows is refused, and so is every form of the AGPL.
"""

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

from license_expression import ExpressionError, LicenseExpression, Licensing, get_spdx_licensing

from stack.errors import StackError

FILE: Final = Path(__file__).with_name("licences.toml")

_AGPL: Final = re.compile(r"\bAGPL|affero", re.IGNORECASE)


class LicenceError(StackError):
    """A part must not be handed on, or the file of licences is wrong; the message names it."""


@dataclass(frozen=True)
class Stated:
    """A licence that was read in a part itself, and where."""

    licence: str
    reason: str


@dataclass(frozen=True)
class Rules:
    """What ``licences.toml`` says: a reason for each allowed licence, other spellings, and what was read by hand."""

    allowed: Mapping[str, str]
    spellings: Mapping[str, str]
    stated: Mapping[str, Stated]


@cache
def rules(file: Path = FILE) -> Rules:
    """Return the rules of a file. Raises LicenceError for one that names an unknown licence or lacks a reason."""
    said: dict[str, Any] = tomllib.loads(file.read_text(encoding="utf-8"))
    read = Rules(said["allowed"], said["spellings"], {name: Stated(**each) for name, each in said["stated"].items()})
    for name, reason in read.allowed.items():
        if _AGPL.search(name):
            raise LicenceError(f"{file.name}: {name} is under [allowed], and no form of the AGPL may be")
        if _parsed(name) is None:
            raise LicenceError(f"{file.name}: {name!r} under [allowed] is no licence that SPDX knows")
        if not reason.strip():
            raise LicenceError(f"{file.name}: {name} under [allowed] has no reason")
    return read


def licence_of(name: str, words: Sequence[str], known: Rules) -> str:
    """Return the licence of a part as SPDX writes it. Raises LicenceError when it is unknown or not allowed.

    ``name`` is the part's package URL without version; ``words`` is what its metadata says, the clearest first.
    """
    if any(_AGPL.search(each) for each in words):
        raise LicenceError(f"{name} says {'; '.join(words)!r}: no part may be under the AGPL")
    parsed = (_parsed(known.spellings.get(each, each)) for each in words)
    expression = next((each for each in parsed if each is not None), None)
    if expression is None:
        stated = known.stated.get(name) or known.stated.get(name.rpartition("/")[0])
        expression = _parsed(stated.licence) if stated else None
    if expression is None:
        said = f"its metadata says {'; '.join(words)!r}" if words else "it has no metadata that says one"
        raise LicenceError(
            f"the licence of {name} is unknown, {said}: read it, and put it under [stated] of {FILE.name}"
        )
    if not _is_allowed(expression, known):
        raise LicenceError(f"{name} is under {expression}, which is not under [allowed] of {FILE.name}")
    return str(expression)


@cache
def _spdx() -> Licensing:
    return get_spdx_licensing()


def _parsed(text: str) -> LicenseExpression | None:
    """Return a licence as a tree, None when SPDX does not know it."""
    try:
        return _spdx().parse(text, validate=True)
    except ExpressionError:
        return None


def _is_allowed(expression: LicenseExpression, known: Rules) -> bool:
    """Of licences joined by AND each must be allowed, of those joined by OR one."""
    if isinstance(expression, _spdx().AND):
        return all(_is_allowed(each, known) for each in expression.args)
    if isinstance(expression, _spdx().OR):
        return any(_is_allowed(each, known) for each in expression.args)
    return str(expression) in known.allowed
