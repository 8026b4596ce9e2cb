"""Addresses of this machine: a proxy that the environment names is for other machines, never for this one."""

from typing import Final
from urllib.parse import urlsplit

_NAMES: Final = frozenset({"127.0.0.1", "localhost", "::1"})


def is_loopback(address: str) -> bool:
    """Tell whether a URL, or HOST:PORT with or without a scheme of gRPC (``dns:///``), leads to this machine."""
    place = (address.partition("://")[2] or address).lstrip("/")
    return urlsplit(f"//{place}").hostname in _NAMES
