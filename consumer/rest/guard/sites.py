"""Whether another site is behind a call that changes something: a page that the user has open elsewhere.

Browsers tell by Sec-Fetch-Site and by Origin, which a page cannot forge. Programs send neither.
"""

from http import HTTPStatus
from typing import Final

from consumer.rest.problems import ProblemError
from tally.base.shown.values import quoted

_CHANGES_NOTHING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN_SITE: Final = frozenset({"same-origin", "none"})


def check_site(method: str, host: str | None, fetch_site: str | None, origin: str | None, own_url: str) -> None:
    """Refuse a call by a page of another site that would change something. Raises ProblemError, 403.

    ``own_url`` is the address under which browsers reach REST through a proxy that sends another Host.
    """
    if method in _CHANGES_NOTHING:
        return
    if fetch_site is not None and fetch_site not in _OWN_SITE:
        raise _refused(f"Sec-Fetch-Site is {quoted(fetch_site)}; allowed are same-origin and none")
    if origin is not None and _authority_of(origin) not in {(host or "").lower(), _authority_of(own_url)}:
        raise _refused(f"Origin is {quoted(origin)}; allowed is this service's own, or none")


def _authority_of(url: str) -> str:
    """Return host and port as they stand; of what is no URL ("null") something that no host is."""
    scheme, separator, rest = url.partition("://")
    return rest.rstrip("/").lower() if separator and scheme in {"http", "https"} else f"{url}?"


def _refused(detail: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.FORBIDDEN,
        "cross-site",
        "Another site's page may not do this",
        f"{detail}. Use the page of this service, or a program that is no browser",
    )
