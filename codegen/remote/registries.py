"""Registries by name: contracts/registries.yaml says where each is, so that plans and the lock can speak of them.

    local:
      url: http://127.0.0.1:8081/apis/ccompat/v7
      kafka: 127.0.0.1:9092        # optional: topics are planned as well

Credentials never stand there; they come from the environment.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codegen.errors import CodegenError, ContractError
from codegen.yaml_file import mapping_of
from tally.base.shown.values import NOT_CLEAR, is_clear_address, masked_address, without_secrets

FILE: Final = "registries.yaml"
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")
_KEYS: Final = {"url", "kafka"}


@dataclass(frozen=True)
class Target:
    """A registry, and the Kafka beside it. ``name`` is empty for a mere address; the lock knows named ones only."""

    name: str
    url: str
    kafka: str


def target(root: Path, given: str, kafka: str | None = None) -> Target:
    """Return what ``--registry`` means: a name of registries.yaml, or an address. Raises CodegenError."""
    if "://" in given:
        if not given.startswith(("http://", "https://")):
            raise CodegenError(f"--registry is {masked_address(given)!r}; allowed is an http:// or https:// address")
        return Target("", _clear(given), kafka or "")
    known = _read(root / FILE)
    if given not in known:
        names = ", ".join(sorted(known)) or "none"
        raise CodegenError(
            f"--registry is {masked_address(given)!r}; allowed is an http:// or https:// address, "
            f"or a name in {root / FILE} ({names})"
        )
    found = known[given]
    return Target(given, _clear(found["url"]), kafka or found.get("kafka", ""))


def _clear(url: str) -> str:
    if not is_clear_address(url):
        raise CodegenError(f"the registry's address is {masked_address(url)!r}: {NOT_CLEAR}")
    return url


def _read(path: Path) -> dict[str, dict[str, str]]:
    tree = mapping_of(path, "of names to url and kafka")
    for name, entry in tree.items():
        if not isinstance(name, str) or _NAME.fullmatch(name) is None:
            raise ContractError(FILE, str(name), "is not a name: lower-case letters, digits, _ and -")
        if (
            not isinstance(entry, dict)
            or not entry.keys() <= _KEYS
            or not all(isinstance(v, str) for v in entry.values())
        ):
            raise ContractError(
                FILE, name, f"must have url, and may have kafka, as texts; it is {without_secrets(repr(entry))}"
            )
        if not str(entry.get("url", "")).startswith(("http://", "https://")):
            raise ContractError(FILE, f"{name}.url", "must be an http:// or https:// address")
    return tree
