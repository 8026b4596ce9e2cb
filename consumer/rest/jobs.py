"""Exports and audits over REST: one set of calls for each kind of job, and the files that jobs make."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Final, Generic

import msgspec
from litestar import Response, Router, delete, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency, Provide
from litestar.handlers import HTTPRouteHandler
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import OpenAPIType, Schema
from litestar.response import Stream

from consumer.core.byte_range import Part, Unsatisfiable, Whole, parse_range
from consumer.rest.common.bodies import JsonBody
from consumer.rest.common.operations import begin_operation, file_operation
from consumer.rest.common.parameters import header_text
from consumer.rest.parts import RestParts
from consumer.rest.problems import ProblemError, documented, documented_write
from consumer.shell.jobs.record import JobState, R
from consumer.shell.jobs.store import JobsFullError, JobStore, Work
from tally.base.shown.values import quoted
from tally.generated.topics import SUMS

_PARTITION_MAX: Final = SUMS.partitions - 1
ChosenPartitions = Annotated[
    list[Annotated[int, msgspec.Meta(ge=0, le=_PARTITION_MAX)]],
    msgspec.Meta(
        min_length=1,
        extra_json_schema={"extra": {"items": Schema(type=OpenAPIType.INTEGER, minimum=0, maximum=_PARTITION_MAX)}},
        description=f"a list of one or more partitions from 0 to {_PARTITION_MAX}, for example [0, {_PARTITION_MAX}]",
    ),
]
_CHUNK_BYTES: Final = 256 * 1024
_BINARY: Final = "application/octet-stream"
_LOCATION: Final = ResponseHeader(name="Location", value="", description="Where to look.", documentation_only=True)
_BEGIN_PROBLEMS: Final = (HTTPStatus.CONFLICT, HTTPStatus.INSUFFICIENT_STORAGE)
_FILE_PROBLEMS: Final = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
_A_PART: Final = ResponseSpec(data_container=bytes, description="A part of it.", media_type=_BINARY)


@dataclass(frozen=True)
class JobWords:
    """What the OpenAPI document says of a kind of job."""

    one: str
    file: str
    file_is: str
    file_and_record: str


@dataclass(frozen=True)
class JobKind(Generic[R]):
    """A kind of job: what is called by its own name, and how one begins. All else is ``job_routes``.

    ``order`` is the POST's body and ``create`` its handler, ``job_id`` takes the path's parameter, which has the
    kind's name. ``media_types`` are all that ``media_type`` may return, ``problems`` those of the POST beside the ones
    of every kind.
    """

    noun: str
    record: type[R]
    store: Callable[[RestParts], JobStore[R]]
    order: type[msgspec.Struct]
    create: Callable[..., Response[R]]
    job_id: Callable[[str], str]
    media_type: Callable[[R], str]
    media_types: Sequence[str]
    words: JobWords
    problems: tuple[HTTPStatus, ...] = ()
    order_is_optional: bool = False

    @property
    def one(self) -> str:
        """The noun for one job."""
        return self.noun.removesuffix("s")

    @property
    def name(self) -> str:
        """The noun for one job as a part of the names of operations."""
        return self.one.capitalize()

    @property
    def path(self) -> str:
        """One job, below the path of its kind."""
        return f"/{{{self.one}_id:str}}"


def job_routes(kind: JobKind[R]) -> Router:
    """Return the calls of a kind of job: begin one, list them, look at one, get its file, delete it."""
    return Router(
        f"/v1/{kind.noun}",
        route_handlers=[_create(kind), _list(kind), _show(kind), _file(kind), _remove(kind)],
        tags=[kind.noun],
        dependencies={"job_id": Provide(kind.job_id, sync_to_thread=False)},
        # R stands in quotes where this is to say which record it is.
        signature_namespace={"R": kind.record},
    )


def _create(kind: JobKind[R]) -> HTTPRouteHandler:
    name = kind.name
    return post(
        operation_id=f"create{name}",
        summary=f"Begin an {kind.one}",
        status_code=HTTPStatus.ACCEPTED,
        responses=documented_write(*_BEGIN_PROBLEMS, *kind.problems),
        response_headers=[_LOCATION],
        operation_class=begin_operation(
            dict.fromkeys((f"get{name}", f"get{name}File", f"delete{name}"), f"{kind.one}_id"),
            body_is_optional=kind.order_is_optional,
        ),
        dto=JsonBody[kind.order],  # type: ignore[name-defined] # a type at run time
        return_dto=None,
        sync_to_thread=True,
    )(kind.create)


def _list(kind: JobKind[R]) -> HTTPRouteHandler:
    @get(
        operation_id=f"list{kind.name}s",
        summary=f"Every {kind.one}, the newest first",
        description=f"Return all {kind.noun} that are kept.",
        responses=documented(),
    )
    async def listed(parts: NamedDependency[RestParts]) -> "list[R]":
        return kind.store(parts).all()

    return listed


def _show(kind: JobKind[R]) -> HTTPRouteHandler:
    @get(
        kind.path,
        operation_id=f"get{kind.name}",
        summary=f"One {kind.one}: {kind.words.one}",
        description="Return what is known of it.",
        responses=documented(HTTPStatus.NOT_FOUND),
    )
    async def shown(parts: NamedDependency[RestParts], job_id: NamedDependency[str]) -> "R":
        return _existing(kind.store(parts), job_id)

    return shown


def _file(kind: JobKind[R]) -> HTTPRouteHandler:
    @get(
        f"{kind.path}/file",
        operation_id=f"get{kind.name}File",
        summary=f"The {kind.words.file}; a range of it with a Range header",
        description=f"Return {kind.words.file_is}. Its ETag is its sha256.",
        responses=documented(*_FILE_PROBLEMS) | {HTTPStatus.PARTIAL_CONTENT.value: _A_PART},
        media_type=_BINARY,
        operation_class=file_operation(kind.media_types),
        sync_to_thread=True,
    )
    def file(
        parts: NamedDependency[RestParts],
        job_id: NamedDependency[str],
        wanted: Annotated[str | None, header_text("Range", "One range, for example bytes=0-1023; else all.")] = None,
        if_etag: Annotated[str | None, header_text("If-Range", "The ETag that the range is of; else all.")] = None,
    ) -> Stream:
        store = kind.store(parts)
        record = _existing(store, job_id)
        return _file_answer(store, record, kind.media_type(record), wanted, if_etag)

    return file


def _remove(kind: JobKind[R]) -> HTTPRouteHandler:
    @delete(
        kind.path,
        operation_id=f"delete{kind.name}",
        summary=f"Delete an {kind.one}, or end a running one",
        description=f"Delete {kind.words.file_and_record}.",
        responses=documented_write(HTTPStatus.NOT_FOUND),
        sync_to_thread=True,
    )
    def removed(parts: NamedDependency[RestParts], job_id: NamedDependency[str]) -> None:
        store = kind.store(parts)
        if not store.delete(job_id):
            raise _missing(store, job_id)

    return removed


def begun(store: JobStore[R], blank: R, work: Work[R]) -> Response[R]:
    """Begin a job, and answer where to look. Raises the problems of one that cannot be begun."""
    try:
        record = store.begin(blank, work)
    except JobsFullError as error:
        raise ProblemError(HTTPStatus.CONFLICT, f"{store.noun}-full", f"Too many {store.noun}", str(error)) from error
    except OSError as error:
        raise ProblemError(HTTPStatus.INSUFFICIENT_STORAGE, "disk", "The disk does not take it", str(error)) from error
    location = f"/v1/{store.noun}/{record.id}"
    return Response(record, status_code=HTTPStatus.ACCEPTED, headers={"Location": location})


def chosen_partitions(parts: RestParts, wanted: Sequence[int] | None) -> list[int]:
    """Return the partitions that an order names, each once and in order; all when it names none."""
    return sorted(set(range(parts.partitions) if wanted is None else wanted))


def _existing(store: JobStore[R], job_id: str) -> R:
    record = store.get(job_id)
    if record is None:
        raise _missing(store, job_id)
    return record


def _missing(store: JobStore[R], job_id: str) -> ProblemError:
    one = store.noun.removesuffix("s")
    detail = f"there is no {one} {quoted(job_id)}; it may have been deleted"
    return ProblemError(HTTPStatus.NOT_FOUND, f"no-{one}", f"No such {one}", detail)


def _file_answer(
    store: JobStore[R], record: R, media_type: str, range_header: str | None, if_etag: str | None
) -> Stream:
    """Return the file of a job that is DONE, or the range of it that is asked for."""
    path, one = store.file_of(record), store.noun.removesuffix("s")
    if record.state is not JobState.DONE or not path.exists():
        raise ProblemError(
            HTTPStatus.CONFLICT, f"{one}-not-done", "There is no file yet", f"the {one} is {record.state.value}"
        )
    etag = f'"{record.sha256}"'
    wanted = range_header if if_etag in (None, etag) else None
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
