"""``/v1/requests``."""

from http import HTTPStatus
from typing import Annotated, Any

from litestar import Controller, Request, get
from litestar.di import NamedDependency
from litestar.params import Parameter

from consumer.core.partition.state import Paused, Running, name_of, reason_of
from consumer.core.queries import parse_request_id
from consumer.core.snapshot import Own
from consumer.rest.answers import RequestAnswer
from consumer.rest.parts import RestParts, own_or_redirect, target_of
from consumer.rest.problems import ProblemError, documented, unavailable
from tally.event.partitions import partition_of
from tally.generated.tally.v1.tally_rules import ADD_REQUEST_REQUEST_ID_PATTERN
from tally.ledger.entry import entries_of


class RequestsController(Controller):
    """Where and how an id was counted."""

    path = "/v1/requests"
    tags = ("ledger",)

    @get(
        "/{request_id:str}",
        operation_id="getRequest",
        summary="Where and how a request id was counted",
        responses=documented(
            HTTPStatus.TEMPORARY_REDIRECT, HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.SERVICE_UNAVAILABLE
        ),
        sync_to_thread=True,
    )
    def request(
        self,
        request: Request[Any, Any, Any],
        parts: NamedDependency[RestParts],
        request_id: Annotated[
            str,
            Parameter(
                description="The UUID of the addition.",
                schema_extra={"pattern": ADD_REQUEST_REQUEST_ID_PATTERN, "format": "uuid"},
            ),
        ],
    ) -> RequestAnswer:
        """Return its row. 404 says that it was not counted (yet); another replica's partition gives 307 or 503."""
        key = parse_request_id(request_id)
        own = own_or_redirect(parts, partition_of(key, parts.partitions), target_of(request))
        answer = _found(parts, own, key)
        if answer is not None:
            return answer
        if isinstance(own.state, Running | Paused):
            raise ProblemError(
                HTTPStatus.NOT_FOUND, "not-counted", "Not counted", f"{request_id} was not counted, or not yet"
            )
        raise unavailable(
            "not-known",
            "Not known at the moment",
            f"partition {own.partition} is {name_of(own.state)}: {reason_of(own.state)}",
        )


def _found(parts: RestParts, own: Own, key: bytes) -> RequestAnswer | None:
    if own.figures is None:
        return None
    below = own.figures.next_offset
    row = parts.readers.find(own.partition, key, below)
    if row is None:
        return None
    (entry,) = entries_of(own.partition, row)
    assert entry.request_id is not None
    assert entry.a is not None
    assert entry.b is not None
    assert entry.sum is not None
    return RequestAnswer(
        request_id=entry.request_id,
        topic=parts.topic,
        partition=own.partition,
        offset=entry.offset,
        a=entry.a,
        b=entry.b,
        sum=entry.sum,
        timestamp=entry.timestamp,
        conflicts=parts.readers.conflicts(own.partition, key, below, own.figures.counts.conflicts),
    )
