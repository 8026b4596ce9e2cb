"""Refusals as google.rpc.Status with details: BadRequest, RetryInfo, ErrorInfo.

The `reason` of a field violation is the id of the contract's rule, as every validator of `buf.validate` names it.
"""

from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from producer.core.refusals import Refusal

ERROR_DOMAIN = "tally.v1"
"""The domain of the reasons in ErrorInfo."""
OUTCOME_KEY = "outcome"
"""The key of ErrorInfo's metadata: committed, not-committed or unknown."""


def status_of(refusal: Refusal) -> status_pb2.Status:
    """Return the status for the caller."""
    status = status_pb2.Status(code=int(refusal.code), message=refusal.message)
    status.details.append(
        _packed(
            error_details_pb2.ErrorInfo(
                reason=refusal.reason, domain=ERROR_DOMAIN, metadata={OUTCOME_KEY: str(refusal.outcome)}
            )
        )
    )
    if refusal.violations:
        bad = error_details_pb2.BadRequest()
        for violation in refusal.violations:
            bad.field_violations.add(field=violation.field, description=violation.description, reason=violation.rule_id)
        status.details.append(_packed(bad))
    if refusal.retry_after_s is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(round(refusal.retry_after_s * 1000))
        status.details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    return status


def _packed(
    detail: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo,
) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(detail)
    return packed
