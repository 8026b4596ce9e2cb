"""What the handlers work with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from litestar import Request

from consumer.core.partition.state import Unassigned
from consumer.core.snapshot import Own, Unready
from consumer.rest.problems import ProblemError, unavailable
from consumer.shell.jobs.record import AuditRecord, ExportRecord
from consumer.shell.jobs.store import JobStore
from consumer.shell.views.board import SnapshotBoard
from consumer.shell.views.feed import Feed
from consumer.shell.views.readers import Readers


@dataclass(frozen=True)
class RestParts:
    """Made once, in wiring. ``unready`` tells every reason why this replica is not ready."""

    board: SnapshotBoard
    readers: Readers
    exports: JobStore[ExportRecord]
    audits: JobStore[AuditRecord]
    feed: Feed
    unready: Callable[[], list[Unready]]
    topic: str
    partitions: int
    owner_url: str
    wait_ms_max: int
    page_rows_max: int
    metrics: Callable[[str, float], tuple[bytes, str]]
    """(Accept header, when it was asked) -> body and content type."""


class Elsewhere307Error(ProblemError):
    """The partition is another replica's, whose address is known."""

    def __init__(self, partition: int, location: str) -> None:
        super().__init__(
            HTTPStatus.TEMPORARY_REDIRECT,
            "elsewhere",
            "Another replica owns the partition",
            f"partition {partition} is served at {location}",
            headers={"Location": location},
        )


def now() -> str:
    """Return the time in RFC 3339."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def target_of(request: Request[Any, Any, Any]) -> str:
    """Return a call's path with its query, as it came: what a redirect to another replica repeats."""
    # Test clients leave the query in what ASGI calls the raw path; uvicorn does not.
    path, query = request.scope["raw_path"].partition(b"?")[0], request.scope["query_string"]
    return (path + b"?" + query if query else path).decode("latin-1")


def own_or_redirect(parts: RestParts, partition: int, target: str) -> Own:
    """Return the partition if it is ours. Raises the 307 to its owner or a 503, never a 404.

    ``target`` is the request's path with its query.
    """
    own = parts.board.snapshot.partitions[partition]
    if not isinstance(own.state, Unassigned):
        return own
    elsewhere = parts.board.outside.elsewhere.get(partition)
    if elsewhere is not None and elsewhere.owner_url and elsewhere.owner_url != parts.owner_url:
        raise Elsewhere307Error(partition, elsewhere.owner_url.rstrip("/") + target)
    raise unavailable(
        "not-assigned",
        "The partition is not assigned here",
        f"partition {partition} is not this replica's, and its owner is not known (yet)",
    )
