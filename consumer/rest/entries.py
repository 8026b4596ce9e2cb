"""``/v1/entries``: the ledger, paged."""

from http import HTTPStatus
from typing import Annotated, Any

from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.params import Parameter

from consumer.core.queries import BEFORE_FIRST, CURSOR_PATTERN, Position, checked_partition, cursor_of, parse_cursor
from consumer.rest.answers import EntriesAnswer, entry_answer
from consumer.rest.parts import RestParts, own_or_redirect
from consumer.rest.problems import bad_request, documented
from consumer.shell.views.readers import NotHereError
from tally.ledger.entry import Entry, entries_of


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
        partition: Annotated[int | None, Parameter(description="Only this one; else all of this replica.")] = None,
        after: Annotated[
            str | None,
            Parameter(pattern=CURSOR_PATTERN, description="The cursor `next` of a page, or an offset of `partition`."),
        ] = None,
        limit: Annotated[int, Parameter(ge=1, description="Rows in the page, 1000 at most.")] = 100,
    ) -> EntriesAnswer:
        """Return a page. A page that ends with ``next`` = null is the last one at that moment."""
        if limit > parts.page_rows_max:
            raise bad_request(f"limit is {limit}; allowed is 1 to {parts.page_rows_max}")
        if partition is not None:
            checked_partition(partition, parts.partitions)
        start = parse_cursor(after, partition, parts.partitions)
        if partition is None:
            return _page(parts, list(range(parts.partitions)), start, limit)
        query = request.url.query
        own_or_redirect(parts, partition, request.url.path + (f"?{query}" if query else ""))
        answer = _page(parts, [partition], start, limit)
        if answer.missing:
            raise NotHereError(f"partition {partition} is not open yet")
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
