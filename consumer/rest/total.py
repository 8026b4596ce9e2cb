"""``/v1/total``."""

from http import HTTPStatus
from typing import Annotated, Final

from litestar import Controller, get
from litestar.di import NamedDependency

from consumer.core.queries import POSITION_PATTERN, Position, parse_number, parse_position
from consumer.core.snapshot import next_offset_of, reason_and_cure, total_of
from consumer.rest.answers import TotalAnswer, total_answer
from consumer.rest.common.parameters import query_number, query_text
from consumer.rest.parts import RestParts, now
from consumer.rest.problems import ProblemError, documented, unavailable
from consumer.shell.views.board import TooManyWaitersError
from tally.event.rows import next_offset

_WAIT_MS_DEFAULT: Final = 5_000
WAIT_MS_MAX: Final = 30_000
"""What the document says; it is the default of TALLY_REST_WAIT_MS_MAX."""


class TotalController(Controller):
    """The total over all partitions."""

    path = "/v1/total"
    tags = ("total",)

    @get(
        "",
        operation_id="getTotal",
        summary="The total",
        responses=documented(HTTPStatus.BAD_REQUEST, HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.GATEWAY_TIMEOUT),
    )
    async def total(
        self,
        parts: NamedDependency[RestParts],
        min_position: Annotated[
            str | None,
            query_text(
                "PARTITION:OFFSET. Wait until that record is in the ledger: read your own write.", POSITION_PATTERN
            ),
        ] = None,
        wait_ms: Annotated[
            str | None,
            query_number("How long to wait for min_position.", WAIT_MS_MAX, default=_WAIT_MS_DEFAULT),
        ] = None,
    ) -> TotalAnswer:
        """Return the total. 504 when ``min_position`` was not reached in time: ask again, nothing is lost."""
        most_ms = parts.wait_ms_max
        ms = min(_WAIT_MS_DEFAULT, most_ms) if wait_ms is None else parse_number("wait_ms", wait_ms, 0, most_ms)
        if min_position is not None:
            await _reached(parts, parse_position(min_position, parts.partitions), ms)
        return total_answer(total_of(parts.board.snapshot, parts.board.outside), now())


async def _reached(parts: RestParts, wanted: Position, wait_ms: int) -> None:
    goal = next_offset(wanted.offset)
    board = parts.board
    try:
        reached = await board.wait_until(
            lambda snapshot, outside: next_offset_of(snapshot, outside, wanted.partition) >= goal, wait_ms / 1000
        )
    except TooManyWaitersError as error:
        raise unavailable("too-many-waiters", "Too many calls wait", str(error)) from error
    if not reached:
        at = next_offset_of(board.snapshot, board.outside, wanted.partition)
        reason, _ = reason_and_cure(board.snapshot.partitions[wanted.partition], board.outside)
        why = f"; {reason}" if reason else ""
        raise ProblemError(
            HTTPStatus.GATEWAY_TIMEOUT,
            "position-not-reached",
            "The position was not reached in time",
            f"partition {wanted.partition} is at next offset {at} after {wait_ms} ms, and {goal} was asked for{why}",
        )
