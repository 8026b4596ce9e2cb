"""Registries by name: contracts/registries.yaml says where each is, so that plans and the lock can speak of them.

    local:
      url: http://127.0.0.1:8081/apis/ccompat/v7
      kafka: 127.0.0.1:9092        # optional: topics are planned as well

``${NAME:-TEXT}`` in an address is the variable NAME of the environment, else TEXT. TALLY_REGISTRY_URL and
TALLY_KAFKA_BOOTSTRAP_SERVERS are always known: where TALLY_PORT_BASE and its like put them.
Credentials never stand there; they come from the environment.
"""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from codegen.errors import CodegenError, ContractError
from codegen.yaml_file import mapping_of
from tally.base.addresses import addresses
from tally.base.shown.values import NOT_CLEAR, is_clear_address, masked_address, without_secrets

FILE: Final = "registries.yaml"
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")
_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")
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
    found = {key: _filled(given, key, text) for key, text in known[given].items()}
    if not found["url"].startswith(("http://", "https://")):
        is_now = masked_address(found["url"])
        raise ContractError(FILE, f"{given}.url", f"is {is_now!r} now; allowed is an http:// or https:// address")
    return Target(given, _clear(found["url"]), kafka or found.get("kafka", ""))


def _filled(name: str, key: str, text: str, environment: Mapping[str, str] = os.environ) -> str:
    """Return a text with its variables replaced. Raises ContractError for one that is not set and has no default."""
    addressed = addresses(environment)

    def value(match: re.Match[str]) -> str:
        variable, default = match[1], match[2]
        found = str(addressed.get(variable) or environment.get(variable) or default or "")
        if not found:
            raise ContractError(FILE, f"{name}.{key}", f"names the variable {variable}, which is not set")
        return found

    return _VARIABLE.sub(value, text)


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
        if not str(entry.get("url", "")).startswith(("http://", "https://", "${")):
            raise ContractError(FILE, f"{name}.url", "must be an http:// or https:// address")
    return tree
