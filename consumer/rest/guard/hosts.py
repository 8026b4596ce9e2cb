"""Under which names REST may be asked. Another site whose name was made to lead here (DNS rebinding) is told by it.

A browser sends the name that stands in the address bar, so an IP address is never another site's name.
"""

import ipaddress
import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from consumer.rest.problems import ProblemError
from tally.base.shown.values import quoted

_AUTHORITY: Final = re.compile(r"(?:\[(?P<ipv6>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{1,5}))?")


def name_of(authority: str) -> str | None:
    """Return the name or address in ``name:port`` in small letters; None if the text is no such thing."""
    found = _AUTHORITY.fullmatch(authority)
    if found is None or int(found["port"] or 0) > 65_535:
        return None
    return (found["ipv6"] or found["name"].removesuffix(".")).lower()


def allowed_names(listens_on: str, own_url: str, more: Iterable[str]) -> frozenset[str]:
    """Return the names under which REST may be asked beside IP addresses: its own, and those of the setting."""
    names = {"localhost", listens_on.lower(), urlsplit(own_url).hostname or "localhost", *more}
    return frozenset(name for name in names if not _is_address(name))


def check_host(host: str | None, names: frozenset[str]) -> None:
    """Refuse a Host header that names another site. Raises ProblemError, 400 or 421.

    A call without one is of HTTP/1.0, so of no browser.
    """
    if host is None:
        return
    name = name_of(host)
    if name is None:
        raise ProblemError(
            HTTPStatus.BAD_REQUEST,
            "host-malformed",
            "The Host header is malformed",
            f"Host is {quoted(host)}; allowed is a name or an IP address, with a port or without",
        )
    if name not in names and not _is_address(name):
        raise ProblemError(
            HTTPStatus.MISDIRECTED_REQUEST,
            "host-not-allowed",
            "This is not a name of this service",
            f"Host is {quoted(host)}; allowed are IP addresses and {', '.join(sorted(names))}. To allow it as "
            "well, name it in TALLY_REST_HOSTS and start the consumer again",
        )


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
