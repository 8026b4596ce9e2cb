"""Asks REST and the registry by GET. A proxy that the environment names is only for other machines."""

from collections.abc import Mapping
from typing import Final

import httpx

REQUEST_S: Final = 10.0
"""The longest wait for one answer, also of Kafka."""

_THIS_MACHINE: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def get(url: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
    """Return the answer, whatever its status. Raises httpx.HTTPError."""
    own = httpx.URL(url).host in _THIS_MACHINE
    return httpx.get(url, headers=dict(headers or {}), timeout=REQUEST_S, trust_env=not own)
