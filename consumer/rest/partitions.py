"""``/v1/partitions``."""

from http import HTTPStatus
from typing import Annotated

from litestar import Controller, get
from litestar.di import NamedDependency
from litestar.response import Stream

from consumer.core.partition.state import StateName, Unassigned, name_of
from consumer.core.queries import OFFSET_MAX, QueryError, parse_number, parse_partition
from consumer.core.snapshot import lag_of, reason_and_cure
from consumer.rest.answers import PartitionAnswer, SegmentAnswer
from consumer.rest.common.parameters import path_number
from consumer.rest.jobs import read_part
from consumer.rest.parts import RestParts
from consumer.rest.problems import ProblemError, documented
from consumer.shell.views.readers import NotHereError
from tally.event.decimals import text_of
from tally.generated.topics import SUMS

PartitionNumber = Annotated[str, path_number("Its number, from 0.", SUMS.partitions - 1)]


class PartitionsController(Controller):
    """The state, the offsets, the lag and the files of each partition."""

    path = "/v1/partitions"
    tags = ("partitions",)

    @get("", operation_id="listPartitions", summary="Every partition", responses=documented(), sync_to_thread=True)
    def partitions(self, parts: NamedDependency[RestParts]) -> list[PartitionAnswer]:
        """Return all partitions, also those of other replicas."""
        return [partition_answer(parts, number) for number in range(parts.partitions)]

    @get(
        "/{partition:str}",
        operation_id="getPartition",
        summary="One partition",
        responses=documented(HTTPStatus.NOT_FOUND),
        sync_to_thread=True,
    )
    def partition(
        self,
        parts: NamedDependency[RestParts],
        partition: PartitionNumber,
    ) -> PartitionAnswer:
        """Return one partition; a refused one with its reason and cure."""
        return partition_answer(parts, _partition(parts, partition))

    @get(
        "/{partition:str}/segments/{first_offset:str}",
        operation_id="getSegment",
        summary="A sealed file of the ledger",
        responses=documented(HTTPStatus.NOT_FOUND),
        media_type="application/octet-stream",
        sync_to_thread=True,
    )
    def segment(
        self,
        parts: NamedDependency[RestParts],
        partition: PartitionNumber,
        first_offset: Annotated[str, path_number("Where the file begins.", OFFSET_MAX)],
    ) -> Stream:
        """Return a file that never changes again, as `tally repair --from peer` copies it."""
        number = _partition(parts, partition)
        try:
            begins = parse_number("first_offset", first_offset, 0, OFFSET_MAX)
            segments = parts.readers.segments(number)
        except (QueryError, NotHereError) as error:
            raise ProblemError(HTTPStatus.NOT_FOUND, "no-segment", "No such file", str(error)) from error
        for segment in segments:
            if segment.sealed and segment.first_offset == begins:
                length = {"Content-Length": str(segment.size_bytes)}
                return Stream(read_part(segment.path, 0, segment.size_bytes), headers=length)
        what = f"partition {number} has no sealed file that begins at offset {begins}"
        raise ProblemError(HTTPStatus.NOT_FOUND, "no-segment", "No such file", what)


def _partition(parts: RestParts, text: str) -> int:
    """Return the number of a partition in a path: where there is none, there is no such address."""
    try:
        return parse_partition(text, parts.partitions)
    except QueryError as error:
        raise ProblemError(HTTPStatus.NOT_FOUND, "no-partition", "No such partition", str(error)) from error


def partition_answer(parts: RestParts, partition: int) -> PartitionAnswer:
    """Return a partition as REST shows it, be it ours or another replica's."""
    snapshot, outside = parts.board.snapshot, parts.board.outside
    own = snapshot.partitions[partition]
    elsewhere = outside.elsewhere.get(partition)
    not_ours = isinstance(own.state, Unassigned)
    held = outside.held.get(partition)
    reason, cure = reason_and_cure(own, outside)
    figures = elsewhere.figures if not_ours and elsewhere is not None else own.figures
    return PartitionAnswer(
        partition=partition,
        topic=parts.topic,
        state=StateName.ELSEWHERE if not_ours and elsewhere is not None else name_of(own.state),
        reason=reason or "",
        cure=cure or "",
        owner_url=(elsewhere.owner_url if elsewhere is not None else None) if not_ours else parts.owner_url,
        next_offset=None if figures is None else figures.next_offset,
        committed=outside.committed.get(partition),
        log_start=outside.low.get(partition),
        last_stable=outside.last_stable.get(partition),
        high_watermark=outside.high_watermark.get(partition),
        lag=lag_of(own, outside),
        held_s=None if held is None else round(held.open_s, 3),
        count=None if figures is None else figures.counts.counted,
        duplicates=None if figures is None else figures.counts.duplicates,
        conflicts=None if figures is None else figures.counts.conflicts,
        poison=None if figures is None else figures.counts.poison,
        total=None if figures is None else text_of(figures.counts.total),
        files=_files(parts, partition),
    )


def _files(parts: RestParts, partition: int) -> list[SegmentAnswer]:
    try:
        segments = parts.readers.segments(partition)
    except NotHereError:
        return []
    return [
        SegmentAnswer(
            file=str(segment.path),
            first_offset=segment.first_offset,
            next_offset=segment.next_offset,
            size_bytes=segment.size_bytes,
            sealed=segment.sealed,
        )
        for segment in segments
    ]
