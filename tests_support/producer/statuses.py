"""A refusal's status as Protobuf's own library puts it together: what the producer's must equal, byte by byte."""

from typing import TypeAlias

from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from producer.core.refusals import Refusal

Detail: TypeAlias = error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo


def library_status(refusal: Refusal) -> status_pb2.Status:
    """Return the status, made of the library's messages alone."""
    details: list[Detail] = [
        error_details_pb2.ErrorInfo(
            reason=refusal.reason, domain="tally.v1", metadata={"outcome": refusal.outcome.value}
        )
    ]
    if refusal.violations:
        bad = error_details_pb2.BadRequest()
        for each in refusal.violations:
            bad.field_violations.add(field=each.field, description=each.message, reason=each.rule_id)
        details.append(bad)
    if refusal.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(refusal.retry_after_s * 1000))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    return status_pb2.Status(code=refusal.code, message=refusal.message, details=map(_packed, details))


def _packed(detail: Detail) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
