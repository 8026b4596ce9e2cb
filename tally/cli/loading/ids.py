"""Request ids that follow from where a number came from, so that loading the same rows again adds nothing.

``request_id(source, line)`` is the UUID of version 5 (RFC 9562) of the name ``"<source id>:<line>"`` in NAMESPACE. The
line is a plain decimal number, so the last colon of a name separates the two and no two pairs share a name. Anybody
can compute the same id: ``uuid5(UUID("8bec0acd-902e-5459-b4f0-5e5df2e5f934"), "flights-2013:17")``.
"""

from typing import Final
from uuid import UUID, uuid5

NAMESPACE: Final[UUID] = UUID("8bec0acd-902e-5459-b4f0-5e5df2e5f934")
"""uuid5(NAMESPACE_URL, "tally:load:line:v1"). Fixed for ever: another one would count every file again."""

SOURCE_ID_LENGTH_MAX: Final[int] = 200


class SourceIdError(ValueError):
    """The text cannot be a source id; the message tells what is allowed."""


def check_source_id(source_id: str) -> str:
    """Return the source id unchanged. Raises SourceIdError."""
    if not 1 <= len(source_id) <= SOURCE_ID_LENGTH_MAX or not source_id.isprintable() or source_id != source_id.strip():
        raise SourceIdError(
            f"{source_id[:SOURCE_ID_LENGTH_MAX]!r} is not a source id: 1 to {SOURCE_ID_LENGTH_MAX} printable "
            f"characters without blanks at the ends, for example flights-2013"
        )
    return source_id


def request_id(source_id: str, line: int) -> str:
    """Return the request id of the row that starts at this line of the file (the header is line 1)."""
    return str(uuid5(NAMESPACE, f"{source_id}:{line}"))
