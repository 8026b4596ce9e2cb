"""``/v1/audits``."""

from functools import partial
from http import HTTPStatus
from typing import Annotated, Any

import msgspec
from litestar import Controller, Request, Response, delete, get, post
from litestar.datastructures import ResponseHeader
from litestar.di import NamedDependency
from litestar.params import Body, Parameter
from litestar.response import Stream

from consumer.core.partition_state import Paused, Running, name_of, reason_of
from consumer.rest.jobs import BEGIN_PROBLEMS, FILE_RESPONSES, begun, chosen_partitions, existing, file_answer, missing
from consumer.rest.parts import RestParts
from consumer.rest.problems import documented, unavailable
from consumer.shell.audit_job import AuditTarget, target_of, write_audit
from consumer.shell.job_record import AuditRecord
from consumer.shell.readers import NotHereError

AuditId = Annotated[str, Parameter(description="The audit's id.")]


class AuditOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to check: all partitions unless some are named."""

    partitions: Annotated[list[int], msgspec.Meta(min_length=1)] | None = None


class AuditsController(Controller):
    """The ledgers read again from the disk: every CRC, chain, sum, kind, and the steps between the files."""

    path = "/v1/audits"
    tags = ("audits",)

    @post(
        "",
        operation_id="createAudit",
        summary="Begin an audit",
        status_code=HTTPStatus.ACCEPTED,
        responses=documented(*BEGIN_PROBLEMS),
        response_headers=[ResponseHeader(name="Location", description="Where to look.", documentation_only=True)],
        sync_to_thread=True,
    )
    def create(
        self,
        parts: NamedDependency[RestParts],
        data: Annotated[AuditOrder | None, Body(description="What to check; nothing means everything.")] = None,
    ) -> Response[AuditRecord]:
        """Begin an audit of what is in the ledgers at this moment: ``ok`` is the verdict, the file tells of each."""
        wanted = None if data is None else data.partitions
        targets = [_target(parts, number) for number in chosen_partitions(parts, wanted)]
        blank = AuditRecord(positions={target.partition: target.state.next_offset for target in targets})
        record = begun(parts.audits, blank, partial(write_audit, targets, parts.readers))
        return Response(record, status_code=HTTPStatus.ACCEPTED, headers={"Location": f"{self.path}/{record.id}"})

    @get("", operation_id="listAudits", summary="Every audit, the newest first")
    async def audits(self, parts: NamedDependency[RestParts]) -> list[AuditRecord]:
        """Return all audits that are kept."""
        return parts.audits.all()

    @get(
        "/{audit_id:str}",
        operation_id="getAudit",
        summary="One audit: progress, verdict, sha256 of the report",
        responses=documented(HTTPStatus.NOT_FOUND),
    )
    async def audit(self, parts: NamedDependency[RestParts], audit_id: AuditId) -> AuditRecord:
        """Return what is known of it."""
        return existing(parts.audits, audit_id)

    @get(
        "/{audit_id:str}/file",
        operation_id="getAuditFile",
        summary="The report; a range of it with a Range header",
        responses=FILE_RESPONSES,
        media_type="application/octet-stream",
        sync_to_thread=True,
    )
    def file(self, request: Request[Any, Any, Any], parts: NamedDependency[RestParts], audit_id: AuditId) -> Stream:
        """Return what was found in each ledger, as JSON. Its ETag is its sha256."""
        return file_answer(request, parts.audits, audit_id, "application/json")

    @delete(
        "/{audit_id:str}",
        operation_id="deleteAudit",
        summary="Delete an audit, or end a running one",
        responses=documented(HTTPStatus.NOT_FOUND),
        sync_to_thread=True,
    )
    def remove(self, parts: NamedDependency[RestParts], audit_id: AuditId) -> None:
        """Delete report and record."""
        if not parts.audits.delete(audit_id):
            raise missing(parts.audits, audit_id)


def _target(parts: RestParts, number: int) -> AuditTarget:
    """Return a partition to check. An audit that cannot be whole is refused."""
    state = parts.board.snapshot.partitions[number].state
    try:
        if isinstance(state, Running | Paused):
            return target_of(parts.readers, number)
        why = f"it is {name_of(state)}" + (f": {reason_of(state)}" if reason_of(state) else "")
    except NotHereError as error:
        why = str(error)
    raise unavailable(
        "audit-not-whole",
        "The audit would not be whole",
        f"partition {number} cannot be checked here at the moment, {why}; name the others in partitions",
    )
