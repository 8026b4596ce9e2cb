"""``/v1/exports``."""

from datetime import datetime
from functools import partial
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import Body, Parameter
from litestar.response import Stream

from consumer.core.partition_state import Refused, Unassigned
from consumer.rest.jobs import BEGIN_PROBLEMS, FILE_RESPONSES, begun, chosen_partitions, existing, file_answer, missing
from consumer.rest.parts import RestParts
from consumer.rest.problems import ProblemError, bad_request, documented, unavailable
from consumer.shell.export_job import write_export
from consumer.shell.job_record import ExportRecord
from tally.ledger.exports.plan import ExportFormat, ExportPlan, microseconds
from tally.ledger.exports.writers import missing_package

_MEDIA_TYPES: Final = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.JSONL: "application/jsonl",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
    ExportFormat.AVRO: "application/vnd.apache.avro",
}

Moment = Annotated[datetime, msgspec.Meta(tz=True)]
ExportId = Annotated[str, Parameter(description="The export's id.")]


class ExportOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to export: all partitions unless some are named; rows whose timestamp is in [from, to), RFC 3339."""

    format: ExportFormat
    partitions: Annotated[list[int], msgspec.Meta(min_length=1)] | None = None
    from_: Moment | None = msgspec.field(name="from", default=None)
    to: Moment | None = None


class ExportsController(Controller):
    """Results saved to files, for audit or offline work."""

    path = "/v1/exports"
    tags = ("exports",)

    @post(
        "",
        operation_id="createExport",
        summary="Begin an export",
        status_code=HTTPStatus.ACCEPTED,
        responses=documented(*BEGIN_PROBLEMS, HTTPStatus.NOT_IMPLEMENTED),
        response_headers=[ResponseHeader(name="Location", description="Where to look.", documentation_only=True)],
        sync_to_thread=True,
    )
    def create(
        self, parts: NamedDependency[RestParts], data: Annotated[ExportOrder, Body(description="What to export.")]
    ) -> Response[ExportRecord]:
        """Begin an export of what is in the ledgers at this moment; look at it under its Location."""
        plan = _plan(parts, data)
        blank = ExportRecord(
            format=plan.format, positions=dict(plan.positions), from_=_text(data.from_), to=_text(data.to)
        )
        record = begun(parts.exports, blank, partial(write_export, plan, parts.readers.blocks))
        return Response(record, status_code=HTTPStatus.ACCEPTED, headers={"Location": f"{self.path}/{record.id}"})

    @get("", operation_id="listExports", summary="Every export, the newest first")
    async def exports(self, parts: NamedDependency[RestParts]) -> list[ExportRecord]:
        """Return all exports that are kept."""
        return parts.exports.all()

    @get(
        "/{export_id:str}",
        operation_id="getExport",
        summary="One export: progress, rows, sha256",
        responses=documented(HTTPStatus.NOT_FOUND),
    )
    async def export(self, parts: NamedDependency[RestParts], export_id: ExportId) -> ExportRecord:
        """Return what is known of it."""
        return existing(parts.exports, export_id)

    @get(
        "/{export_id:str}/file",
        operation_id="getExportFile",
        summary="The file; a range of it with a Range header",
        responses=FILE_RESPONSES,
        media_type="application/octet-stream",
        sync_to_thread=True,
    )
    def file(self, request: Request[Any, Any, Any], parts: NamedDependency[RestParts], export_id: ExportId) -> Stream:
        """Return the file of an export that is DONE. Its ETag is its sha256."""
        record = existing(parts.exports, export_id)
        return file_answer(request, parts.exports, export_id, _MEDIA_TYPES[record.format])

    @delete(
        "/{export_id:str}",
        operation_id="deleteExport",
        summary="Delete an export, or end a running one",
        responses=documented(HTTPStatus.NOT_FOUND),
        sync_to_thread=True,
    )
    def remove(self, parts: NamedDependency[RestParts], export_id: ExportId) -> None:
        """Delete file and record."""
        if not parts.exports.delete(export_id):
            raise missing(parts.exports, export_id)


def _plan(parts: RestParts, order: ExportOrder) -> ExportPlan:
    """Note the positions of this moment. An export that cannot be whole is refused."""
    package = missing_package(order.format)
    if package is not None:
        raise ProblemError(
            HTTPStatus.NOT_IMPLEMENTED,
            "format-not-offered",
            "The format is not offered here",
            f"format is {order.format.value}, for which the consumer needs the package {package}: install "
            f"tally[{order.format.value}] where it runs and start it again, or take avro, csv or jsonl",
        )
    if order.from_ is not None and order.to is not None and order.from_ >= order.to:
        raise bad_request(f"from is {_text(order.from_)}; allowed is a time before to, which is {_text(order.to)}")
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
