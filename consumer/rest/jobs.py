"""What ``/v1/exports`` and ``/v1/audits`` have in common: one job, its file or a range of it, the refusals."""

from collections.abc import Iterator, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from litestar import Request
from litestar.openapi.datastructures import ResponseSpec
from litestar.response import Stream

from consumer.core.byte_range import Part, Unsatisfiable, Whole, parse_range
from consumer.core.queries import QueryError, checked_partition
from consumer.rest.parts import RestParts
from consumer.rest.problems import ProblemError, bad_request, documented
from consumer.shell.job_record import JobState, R
from consumer.shell.job_store import JobsFullError, JobStore, Work

_CHUNK_BYTES: Final = 256 * 1024

BEGIN_PROBLEMS: Final = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.CONFLICT,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.INSUFFICIENT_STORAGE,
)
FILE_RESPONSES: Final = {
    **documented(HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE),
    HTTPStatus.PARTIAL_CONTENT.value: ResponseSpec(
        data_container=bytes, description="A part of it.", media_type="application/octet-stream"
    ),
}


def begun(store: JobStore[R], blank: R, work: Work[R]) -> R:
    """Begin a job. Raises the problems of one that cannot be begun."""
    try:
        return store.begin(blank, work)
    except JobsFullError as error:
        raise ProblemError(HTTPStatus.CONFLICT, f"{store.noun}-full", f"Too many {store.noun}", str(error)) from error
    except OSError as error:
        raise ProblemError(HTTPStatus.INSUFFICIENT_STORAGE, "disk", "The disk does not take it", str(error)) from error


def chosen_partitions(parts: RestParts, wanted: Sequence[int] | None) -> list[int]:
    """Return the partitions that an order names, all when it names none. Raises the 400 of one that is not there."""
    try:
        return sorted({checked_partition(number, parts.partitions) for number in wanted or range(parts.partitions)})
    except QueryError as error:
        raise bad_request(str(error)) from error


def existing(store: JobStore[R], job_id: str) -> R:
    """Return a job. Raises its 404."""
    record = store.get(job_id)
    if record is None:
        raise missing(store, job_id)
    return record


def missing(store: JobStore[R], job_id: str) -> ProblemError:
    """Return the 404."""
    one = store.noun.removesuffix("s")
    return ProblemError(
        HTTPStatus.NOT_FOUND, f"no-{one}", f"No such {one}", f"there is no {one} {job_id[:64]!r}, or no more"
    )


def file_answer(request: Request[Any, Any, Any], store: JobStore[R], job_id: str, media_type: str) -> Stream:
    """Return the file of a job that is DONE, or the range of it that is asked for. Its ETag is its sha256."""
    record = existing(store, job_id)
    path, one = store.file_of(record), store.noun.removesuffix("s")
    if record.state is not JobState.DONE or not path.exists():
        raise ProblemError(
            HTTPStatus.CONFLICT, f"{one}-not-done", "There is no file yet", f"the {one} is {record.state.value}"
        )
    etag = f'"{record.sha256}"'
    wanted = request.headers.get("range") if request.headers.get("if-range", etag) == etag else None
    # A media type as an argument would give way to the handler's own.
    headers = {
        "Content-Type": media_type,
        "ETag": etag,
        "Content-Disposition": f'attachment; filename="tally-{path.name}"',
    }
    return _send(path, wanted, headers)


def _send(path: Path, range_header: str | None, headers: dict[str, str]) -> Stream:
    size = path.stat().st_size
    headers["Accept-Ranges"] = "bytes"
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
