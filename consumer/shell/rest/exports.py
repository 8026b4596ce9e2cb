"""``/v1/exports``."""

from collections.abc import Iterator
from datetime import datetime
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import Body, Parameter
from litestar.response import Stream

from consumer.core.byte_range import Part, Unsatisfiable, Whole, parse_range
from consumer.core.export_plan import ExportFormat, ExportPlan, microseconds
from consumer.core.partition_state import Refused, Unassigned
from consumer.core.queries import QueryError, checked_partition
from consumer.shell.export_record import ExportRecord, ExportState
from consumer.shell.export_store import ExportsFullError
from consumer.shell.export_writers import missing_package
from consumer.shell.rest.parts import RestParts
from consumer.shell.rest.problems import ProblemError, bad_request, documented, unavailable

_MEDIA_TYPES: Final = {
    ExportFormat.CSV: "text/csv; charset=utf-8",
    ExportFormat.JSONL: "application/jsonl",
    ExportFormat.PARQUET: "application/vnd.apache.parquet",
    ExportFormat.AVRO: "application/vnd.apache.avro",
}
_CHUNK_BYTES: Final = 256 * 1024

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
        responses=documented(
            HTTPStatus.BAD_REQUEST,
            HTTPStatus.CONFLICT,
            HTTPStatus.NOT_IMPLEMENTED,
            HTTPStatus.SERVICE_UNAVAILABLE,
            HTTPStatus.INSUFFICIENT_STORAGE,
        ),
        response_headers=[ResponseHeader(name="Location", description="Where to look.", documentation_only=True)],
        sync_to_thread=True,
    )
    def create(
        self, parts: NamedDependency[RestParts], data: Annotated[ExportOrder, Body(description="What to export.")]
    ) -> Response[ExportRecord]:
        """Begin an export of what is in the ledgers at this moment; look at it under its Location."""
        plan = _plan(parts, data)
        try:
            record = parts.exports.begin(plan, _text(data.from_), _text(data.to))
        except ExportsFullError as error:
            raise ProblemError(HTTPStatus.CONFLICT, "exports-full", "Too many exports", str(error)) from error
        except OSError as error:
            raise ProblemError(
                HTTPStatus.INSUFFICIENT_STORAGE, "disk", "The disk does not take it", str(error)
            ) from error
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
        return _existing(parts, export_id)

    @get(
        "/{export_id:str}/file",
        operation_id="getExportFile",
        summary="The file; a range of it with a Range header",
        responses={
            **documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE),
            HTTPStatus.PARTIAL_CONTENT.value: ResponseSpec(
                data_container=bytes, description="A part of it.", media_type="application/octet-stream"
            ),
        },
        media_type="application/octet-stream",
        sync_to_thread=True,
    )
    def file(self, request: Request[Any, Any, Any], parts: NamedDependency[RestParts], export_id: ExportId) -> Stream:
        """Return the file of an export that is DONE. Its ETag is its sha256."""
        record = _existing(parts, export_id)
        path = parts.exports.file_of(record)
        if record.state is not ExportState.DONE or not path.exists():
            raise ProblemError(
                HTTPStatus.CONFLICT, "export-not-done", "There is no file yet", f"the export is {record.state.value}"
            )
        etag = f'"{record.sha256}"'
        wanted = request.headers.get("range") if request.headers.get("if-range", etag) == etag else None
        return _send(record, path, etag, wanted)

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
            raise _missing(export_id)


def _plan(parts: RestParts, order: ExportOrder) -> ExportPlan:
    """Note the positions of this moment. An export that cannot be whole is refused."""
    missing = missing_package(order.format)
    if missing is not None:
        raise ProblemError(
            HTTPStatus.NOT_IMPLEMENTED,
            "format-not-offered",
            "The format is not offered here",
            f"format is {order.format.value}, for which the consumer needs the package {missing}: install "
            f"tally[{order.format.value}] where it runs and start it again, or take avro, csv or jsonl",
        )
    if order.from_ is not None and order.to is not None and order.from_ >= order.to:
        raise bad_request(f"from is {_text(order.from_)}; allowed is a time before to, which is {_text(order.to)}")
    try:
        numbers = sorted({checked_partition(number, parts.partitions) for number in order.partitions or ()})
    except QueryError as error:
        raise bad_request(str(error)) from error
    snapshot = parts.board.snapshot
    positions: dict[int, int] = {}
    for number in numbers or range(parts.partitions):
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


def _existing(parts: RestParts, export_id: str) -> ExportRecord:
    record = parts.exports.get(export_id)
    if record is None:
        raise _missing(export_id)
    return record


def _missing(export_id: str) -> ProblemError:
    return ProblemError(
        HTTPStatus.NOT_FOUND, "no-export", "No such export", f"there is no export {export_id[:64]!r}, or no more"
    )


def _send(record: ExportRecord, path: Path, etag: str, range_header: str | None) -> Stream:
    size = path.stat().st_size
    name = f"tally-{record.id}.{record.format.value}"
    # A media type as an argument would give way to the handler's own.
    headers = {
        "Content-Type": _MEDIA_TYPES[record.format],
        "Accept-Ranges": "bytes",
        "ETag": etag,
        "Content-Disposition": f'attachment; filename="{name}"',
    }
    match parse_range(range_header, size):
        case Whole():
            status, start, stop = HTTPStatus.OK, 0, size
        case Part(start, stop):
            status = HTTPStatus.PARTIAL_CONTENT
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{size}"
        case Unsatisfiable():
            raise ProblemError(
                HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
                "range",
                "The range is outside the file",
                f"the file has {size} bytes",
                headers={"Content-Range": f"bytes */{size}"},
            )
    headers["Content-Length"] = str(stop - start)
    return Stream(read_part(path, start, stop), status_code=status.value, headers=headers)


def read_part(path: Path, start: int, stop: int) -> Iterator[bytes]:
    """Yield the bytes of a file in [start, stop)."""
    with path.open("rb") as file:
        file.seek(start)
        left = stop - start
        while left > 0 and (data := file.read(min(_CHUNK_BYTES, left))):
            left -= len(data)
            yield data


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
