"""``/v1/total``."""

from http import HTTPStatus
from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.params import Parameter

from consumer.core.queries import POSITION_PATTERN, Position, parse_position
from consumer.core.snapshot import next_offset_of, total_of
from consumer.rest.answers import TotalAnswer, total_answer
from consumer.rest.parts import RestParts, now
from consumer.rest.problems import ProblemError, bad_request, documented, unavailable
from consumer.shell.views.board import TooManyWaitersError
from tally.event.rows import next_offset

_WAIT_MS_DEFAULT = 5_000


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
            Parameter(
                pattern=POSITION_PATTERN,
                description="PARTITION:OFFSET. Wait until that record is in the ledger: read your own write.",
            ),
        ] = None,
        wait_ms: Annotated[
            int | None,
            Parameter(ge=0, description="How long to wait for min_position; 5000 when it is not said, 30000 at most."),
        ] = None,
    ) -> TotalAnswer:
        """Return the total. 504 when ``min_position`` was not reached in time: ask again, nothing is lost."""
        if min_position is not None:
            wanted = parse_position(min_position, parts.partitions)
            await _reached(parts, wanted, _wait_ms(wait_ms, parts))
        return total_answer(total_of(parts.board.snapshot, parts.board.outside), now())


def _wait_ms(asked: int | None, parts: RestParts) -> int:
    if asked is not None and asked > parts.wait_ms_max:
        raise bad_request(f"wait_ms is {asked}; allowed is 0 to {parts.wait_ms_max}")
    return min(_WAIT_MS_DEFAULT, parts.wait_ms_max) if asked is None else asked


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
        raise ProblemError(
            HTTPStatus.GATEWAY_TIMEOUT,
            "position-not-reached",
            "The position was not reached in time",
            f"partition {wanted.partition} is at next offset {at} after {wait_ms} ms, and {goal} was asked for",
        )
