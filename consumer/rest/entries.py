"""``/v1/entries``: the ledger, paged."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from litestar import Controller, Request, get
from litestar.di import NamedDependency

from consumer.core.queries import (
    BEFORE_FIRST,
    CURSOR_PATTERN,
    Position,
    cursor_of,
    parse_cursor,
    parse_number,
    parse_partition,
)
from consumer.rest.answers import EntriesAnswer, entry_answer
from consumer.rest.common.parameters import query_number, query_text
from consumer.rest.parts import RestParts, own_or_redirect, target_of
from consumer.rest.problems import documented
from consumer.shell.views.readers import NotHereError
from tally.generated.topics import SUMS
from tally.ledger.entry import Entry, entries_of

_ROWS_DEFAULT: Final = 100
ROWS_MAX: Final = 1_000
"""What the document says; it is the default of TALLY_REST_PAGE_ROWS_MAX."""


class EntriesController(Controller):
    """Rows in the order of partition and offset."""

    path = "/v1/entries"
    tags = ("ledger",)

    @get(
        "",
        operation_id="listEntries",
        summary="The ledger, paged by cursor",
        responses=documented(HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE),
        sync_to_thread=True,
    )
    def entries(
        self,
        request: Request[Any, Any, Any],
        parts: NamedDependency[RestParts],
        partition: Annotated[
            str | None, query_number("Only this one; else all of this replica.", SUMS.partitions - 1)
        ] = None,
        after: Annotated[
            str | None,
            query_text("The cursor `next` of a page, or an offset of `partition`.", CURSOR_PATTERN),
        ] = None,
        limit: Annotated[
            str | None, query_number("Rows in the page.", ROWS_MAX, least=1, default=_ROWS_DEFAULT)
        ] = None,
    ) -> EntriesAnswer:
        """Return a page. A page that ends with ``next`` = null is the last one at that moment."""
        rows_max = parts.page_rows_max
        rows = min(_ROWS_DEFAULT, rows_max) if limit is None else parse_number("limit", limit, 1, rows_max)
        one = None if partition is None else parse_partition(partition, parts.partitions)
        start = parse_cursor(after, one, parts.partitions)
        if one is None:
            return _page(parts, list(range(parts.partitions)), start, rows)
        own_or_redirect(parts, one, target_of(request))
        answer = _page(parts, [one], start, rows)
        if answer.missing:
            raise NotHereError(f"partition {one} is not open yet")
        return answer


def _page(parts: RestParts, partitions: list[int], start: Position, limit: int) -> EntriesAnswer:
    """Fill a page with the rows after ``start``; one row more is read to know whether there is a next page."""
    found: list[Entry] = []
    missing = []
    for partition in partitions:
        figures = parts.board.snapshot.partitions[partition].figures
        if figures is None:
            missing.append(partition)
            continue
        if partition < start.partition or len(found) > limit:
            continue
        after = start.offset if partition == start.partition else BEFORE_FIRST
        try:
            rows = parts.readers.read(partition, after, limit + 1 - len(found), figures.next_offset)
        except NotHereError:
            missing.append(partition)
            continue
        found += entries_of(partition, rows)
    more = len(found) > limit
    page = found[:limit]
    following = cursor_of(Position(page[-1].partition, page[-1].offset)) if more else None
    return EntriesAnswer([entry_answer(entry) for entry in page], following, missing)
