"""One GET, as the oracle asks REST and the registry: a proxy of the environment is for other machines than this one."""

from collections.abc import Mapping
from typing import Final

import httpx

REQUEST_S: Final = 10.0
"""Longest wait for one answer, of Kafka as well."""

_THIS_MACHINE: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def get(url: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Return the answer, whatever its status. Raises httpx.HTTPError."""
    own = httpx.URL(url).host in _THIS_MACHINE
    return httpx.get(url, headers=dict(headers or {}), timeout=REQUEST_S, trust_env=not own)
