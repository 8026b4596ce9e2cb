"""``/v1/audits``: ledgers checked against the disk: every CRC, chain, sum and kind, and the steps between files."""

from functools import partial
from typing import Annotated, Final

import msgspec
from litestar import Response
from litestar.di import NamedDependency
from litestar.params import Body, Parameter

from consumer.core.partition.state import Paused, Running, name_of, reason_of
from consumer.rest.jobs import ChosenPartitions, JobKind, JobWords, begun, chosen_partitions
from consumer.rest.parts import RestParts
from consumer.rest.problems import unavailable
from consumer.shell.jobs.audit import AuditTarget, target_of, write_audit
from consumer.shell.jobs.record import AuditRecord
from consumer.shell.views.readers import NotHereError


class AuditOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What to check: all partitions unless some are named."""

    partitions: ChosenPartitions | None = None


def create_audit(
    parts: NamedDependency[RestParts],
    data: Annotated[AuditOrder | None, Body(description="What to check; nothing means everything.")] = None,
) -> Response[AuditRecord]:
    """Begin an audit of what is in the ledgers at this moment: ``ok`` is the verdict, the file tells of each."""
    wanted = None if data is None else data.partitions
    targets = [_target(parts, number) for number in chosen_partitions(parts, wanted)]
    blank = AuditRecord(positions={target.partition: target.state.next_offset for target in targets})
    return begun(parts.audits, blank, partial(write_audit, targets, parts.readers))


def audit_id(audit_id: Annotated[str, Parameter(description="The audit's id.")]) -> str:
    """Return the path's parameter."""
    return audit_id


_REPORT: Final = "application/json"
AUDITS: Final = JobKind(
    noun="audits",
    record=AuditRecord,
    store=lambda parts: parts.audits,
    order=AuditOrder,
    create=create_audit,
    job_id=audit_id,
    media_type=lambda _record: _REPORT,
    media_types=(_REPORT,),
    words=JobWords(
        one="progress, verdict, sha256 of the report",
        file="report",
        file_is="what was found in each ledger, as JSON",
        file_and_record="report and record",
    ),
    order_is_optional=True,
)


def _target(parts: RestParts, number: int) -> AuditTarget:
    """Return a partition to check. An audit that cannot be whole is refused."""
    state = parts.board.snapshot.partitions[number].state
    try:
        if isinstance(state, Running | Paused):
            return target_of(parts.readers, number)
        reason = reason_of(state)
        why = f"it is {name_of(state)}" if reason is None else f"it is {name_of(state)}: {reason}"
    except NotHereError as error:
        why = str(error)
    raise unavailable(
        "audit-not-whole",
        "The audit would not be whole",
        f"partition {number} cannot be checked here at the moment, {why}; name the others in partitions",
    )
