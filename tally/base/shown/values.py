"""What may be shown of a value that comes from outside, in a log line, on a terminal or in an error's text.

``printable`` lets nothing through that a terminal or a reader of lines would obey: no newline that begins a forged
line, no ESC that moves the cursor, no letter that turns the direction of the text. ``without_secrets`` lets no
password of an address through. Both give the same text again for what they have made. ``quoted`` is for error texts
that say what a caller sent.
"""

import re
from typing import Final

MASK: Final = "***"
SHOWN_CHARACTERS_MAX: Final = 64
"""Of a caller's text in a message."""
NOT_CLEAR: Final = (
    "what is user, password, host and port cannot be told apart: in a user or password write / ? # as %2F %3F %23; "
    "after the host there may be a port of digits and a path without @"
)
"""What is wrong with an address that ``is_clear_address`` refuses."""

_ADDRESS: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^\s'\"`<>]*)")
_ENDS_A_SENTENCE: Final = ".,;:!)"
_BEHIND_AUTHORITY: Final = re.compile(r"[/?#\\]")
_HOST_AND_PORT: Final = re.compile(r"(\[[0-9A-Fa-f:.%]+\]|[^:\[\]@\s]*)(:[0-9]{0,5})?")
_USER_WITHOUT_SCHEME: Final = re.compile(r"[^/@\s]*:[^@]*@")


def printable(text: str, keep: str = "") -> str:
    r"""Return a text with every character that is no letter, sign or plain space as ``repr`` writes it: \n, \x1b.

    ``keep`` names those that may stay.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() or one in keep else repr(one)[1:-1] for one in text)


def quoted(text: str) -> str:
    """Return a caller's text as a message may show it: in quotes, cut, and without control characters."""
    if len(text) <= SHOWN_CHARACTERS_MAX:
        return repr(text)
    return f"{text[:SHOWN_CHARACTERS_MAX]!r}... ({len(text):,} characters)"


def masked_address(value: str) -> str:
    """Return a setting's value that may be an address, without its user, password and query.

    The user ends at the last @ before the first slash. Where an @ follows later, or what should be the port is none,
    a slash may well be part of the password: then only the scheme is shown.
    """
    scheme, separator, rest = value.partition("://")
    if separator:
        return f"{scheme}://{_masked(rest)}"
    return MASK if _USER_WITHOUT_SCHEME.match(value) else value


def is_clear_address(address: str) -> bool:
    """Tell whether it is certain what of an address is user and password, and what is not."""
    rest = address.partition("://")[2]
    host = _authority(rest)[0].rpartition("@")[2]
    return "@" not in _authority(rest)[1] and _HOST_AND_PORT.fullmatch(host) is not None


def without_secrets(text: str) -> str:
    """Return a text with ``masked_address`` in the place of each address in it."""
    if "://" not in text:
        return text
    return _ADDRESS.sub(_masked_within, text)


def _masked_within(found: re.Match[str]) -> str:
    address = found[2].rstrip(_ENDS_A_SENTENCE)
    return f"{found[1]}://{_masked(address)}{found[2][len(address) :]}"


def _masked(rest: str) -> str:
    if not is_clear_address(f"://{rest}"):
        return MASK
    authority, tail = _authority(rest)
    _, user, host = authority.rpartition("@")
    path, query, _ = tail.partition("?")
    return f"{MASK}@" * bool(user) + host + path.partition("#")[0] + f"?{MASK}" * bool(query)


def _authority(rest: str) -> tuple[str, str]:
    end = _BEHIND_AUTHORITY.search(rest)
    return (rest, "") if end is None else (rest[: end.start()], rest[end.start() :])
