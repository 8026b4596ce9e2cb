"""What every answer says to a browser, whoever made it: run nothing, guess no type, show it in no frame."""

import base64
import hashlib
import re
from typing import Final

_NOTHING_ELSE: Final = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

_STYLE: Final = re.compile(r"<style>(.*?)</style>", re.DOTALL)


def policy(*parts: str) -> str:
    """Return a Content-Security-Policy that lets in what ``parts`` name (``style-src 'self'``) and nothing else."""
    return "; ".join(["default-src 'none'", *parts, _NOTHING_ELSE])


def hash_of(text: str) -> str:
    """Return the source of a policy that lets in an inline script or style of exactly this text."""
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def page_policy(*pages: str) -> str:
    """Return the policy of pages that hold their style themselves, at most images as data, and no script."""
    styles = {hash_of(style) for page in pages for style in _STYLE.findall(page)} or {"'none'"}
    return policy("style-src " + " ".join(sorted(styles)), "img-src data:")


ALWAYS: Final = {
    "Content-Security-Policy": policy(),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
"""A page with scripts or styles has a policy of its own, which then stands in place of this one."""


def with_headers(given: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return an answer's headers and those of ``ALWAYS`` that it does not have itself."""
    names = {name.lower() for name, _ in given}
    return [*given, *(each for each in _ALWAYS_RAW if each[0] not in names)]


_ALWAYS_RAW: Final = [(name.lower().encode(), value.encode()) for name, value in ALWAYS.items()]
