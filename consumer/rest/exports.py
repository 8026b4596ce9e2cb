"""``/v1/exports``: results saved to files, for audit or offline work."""

from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Final

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import Body, Parameter

from consumer.core.partition.state import Refused, Unassigned
from consumer.core.queries import QueryError
from consumer.rest.jobs import ChosenPartitions, JobKind, JobWords, begun, chosen_partitions
from consumer.rest.parts import RestParts
from consumer.rest.problems import ProblemError, unavailable
from consumer.shell.jobs.export import write_export
from consumer.shell.jobs.record import ExportRecord
from tally.ledger.exports.formats import ExportFormat
from tally.ledger.exports.plan import ExportPlan, microseconds
from tally.ledger.exports.writers import missing_package

_ALWAYS_OFFERED: Final = " or ".join(
    ", ".join(sorted(form for form in ExportFormat if form.package is None)).rsplit(", ", 1)
)

_AT: Final = "a time as RFC 3339 has it, with its offset, for example 2026-01-01T00:00:00Z"
Format = Annotated[ExportFormat, msgspec.Meta(description=", ".join(ExportFormat))]
Moment = Annotated[datetime, msgspec.Meta(tz=True, description=_AT)]


class ExportOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to export: all partitions unless some are named; rows whose timestamp is in [from, to), RFC 3339."""

    format: Format
    partitions: ChosenPartitions | None = None
    from_: Moment | None = msgspec.field(name="from", default=None)
    to: Moment | None = None


def create_export(
    parts: NamedDependency[RestParts], data: Annotated[ExportOrder, Body(description="What to export.")]
) -> Response[ExportRecord]:
    """Begin an export of what is in the ledgers at this moment; look at it under its Location."""
    plan = _plan(parts, data)
    blank = ExportRecord(format=plan.format, positions=dict(plan.positions), from_=_text(data.from_), to=_text(data.to))
    return begun(parts.exports, blank, partial(write_export, plan, parts.readers.blocks))


def export_id(export_id: Annotated[str, Parameter(description="The export's id.")]) -> str:
    """Return the path's parameter."""
    return export_id


EXPORTS: Final = JobKind(
    noun="exports",
    record=ExportRecord,
    store=lambda parts: parts.exports,
    order=ExportOrder,
    create=create_export,
    job_id=export_id,
    media_type=lambda record: record.format.media_type,
    media_types=[form.media_type.partition(";")[0] for form in ExportFormat],
    words=JobWords(
        one="progress, rows, sha256",
        file="file",
        file_is="the file of an export that is DONE",
        file_and_record="file and record",
    ),
    problems=(HTTPStatus.NOT_IMPLEMENTED,),
)


def _plan(parts: RestParts, order: ExportOrder) -> ExportPlan:
    """Note the positions of this moment. An export that cannot be whole is refused."""
    package = missing_package(order.format)
    if package is not None:
        raise ProblemError(
            HTTPStatus.NOT_IMPLEMENTED,
            "format-not-offered",
            "The format is not offered here",
            f"format is {order.format.value}, for which the consumer needs the package {package}: install "
            f"tally[{order.format.value}] where it runs and start it again, or take {_ALWAYS_OFFERED}",
        )
    if order.from_ is not None and order.to is not None and order.from_ >= order.to:
        raise QueryError("from", str(_text(order.from_)), f"a time before to, which is {_text(order.to)}")
    snapshot = parts.board.snapshot
    positions: dict[int, int] = {}
    for number in chosen_partitions(parts, order.partitions):
        own = snapshot.partitions[number]
        if isinstance(own.state, Unassigned | Refused) or own.figures is None:
            raise unavailable(
                "export-not-whole",
                "The export would not be whole",
                f"partition {number} cannot be read here at the moment; name the others in partitions",
            )
        positions[number] = own.figures.next_offset
    return ExportPlan(
        format=order.format,
        positions=positions,
        from_us=None if order.from_ is None else microseconds(order.from_),
        to_us=None if order.to is None else microseconds(order.to),
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
