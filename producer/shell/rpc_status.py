"""Refusals as google.rpc.Status with details, in wire format: ErrorInfo, BadRequest, RetryInfo.

To have the library put a status together takes longer than a whole good answer. So what the refusals of a kind have in
common is encoded once, and their texts are written in between. A test proves it equal to what the library makes.

The `reason` of a field violation is the id of the contract's rule, as every validator of `buf.validate` names it.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2

from producer.core.refusals import Code, Outcome, Reason, Refusal
from producer.core.wire_format import LENGTH, field, tag_of, varint
from tally.generated.rules import Violation

_DOMAIN: Final = "tally.v1"
"""The domain of the reasons in ErrorInfo."""
_OUTCOME_KEY: Final = "outcome"
"""The key of ErrorInfo's metadata: committed, not-committed or unknown."""


def status_bytes(refusal: Refusal) -> bytes:
    """Return the status for the caller."""
    code, error_info = _of_kind(refusal.code, refusal.reason, refusal.outcome)
    pieces = [code, field(_MESSAGE, refusal.message.encode()), error_info]
    if refusal.violations:
        violations = _violations(refusal.violations)
        size = varint(len(violations))
        whole = varint(len(_BAD_REQUEST) + len(size) + len(violations))
        pieces += (_DETAIL, whole, _BAD_REQUEST, size, violations)
    if refusal.retry_after_s is not None:
        pieces.append(_retry_info(refusal.retry_after_s))
    return b"".join(pieces)


def _violations(violations: Sequence[Violation]) -> bytes:
    """Return the fields of a BadRequest."""
    pieces: list[bytes] = []
    for name, rule_id, message in violations:
        before, after, around_bytes = _around(name, rule_id)
        description = message.encode()
        size = varint(len(description))
        whole = varint(around_bytes + len(size) + len(description))
        pieces += (_VIOLATION, whole, before, size, description, after)
    return b"".join(pieces)


@lru_cache(maxsize=64)  # more than the contract has rules
def _around(name: str, rule_id: str) -> tuple[bytes, bytes, int]:
    """Return what stands before and after the length and the text of a violation's description, and its size."""
    kind = error_details_pb2.BadRequest.FieldViolation
    before = kind(field=name).SerializeToString() + tag_of(kind.DESCRIPTION_FIELD_NUMBER, LENGTH)
    after = kind(reason=rule_id).SerializeToString()
    return before, after, len(before) + len(after)


@lru_cache(maxsize=64)  # more than there are kinds
def _of_kind(code: Code, reason: Reason, outcome: Outcome) -> tuple[bytes, bytes]:
    """Return the code, and the ErrorInfo among the details."""
    info = error_details_pb2.ErrorInfo(reason=reason, domain=_DOMAIN, metadata={_OUTCOME_KEY: str(outcome)})
    return status_pb2.Status(code=code).SerializeToString(), _detail(info)


@lru_cache(maxsize=8)  # more than there are delays
def _retry_info(retry_after_s: float) -> bytes:
    delay = duration_pb2.Duration()
    delay.FromMilliseconds(round(retry_after_s * 1000))
    return _detail(error_details_pb2.RetryInfo(retry_delay=delay))


def _detail(message: error_details_pb2.ErrorInfo | error_details_pb2.RetryInfo) -> bytes:
    packed = any_pb2.Any()
    packed.Pack(message)
    found: bytes = status_pb2.Status(details=[packed]).SerializeToString()
    return found


_MESSAGE: Final = tag_of(status_pb2.Status.MESSAGE_FIELD_NUMBER, LENGTH)
_DETAIL: Final = tag_of(status_pb2.Status.DETAILS_FIELD_NUMBER, LENGTH)
_BAD_REQUEST: Final = any_pb2.Any(
    type_url=f"type.googleapis.com/{error_details_pb2.BadRequest.DESCRIPTOR.full_name}"
).SerializeToString() + tag_of(any_pb2.Any.VALUE_FIELD_NUMBER, LENGTH)
"""What stands before the length and the bytes of the violations."""
_VIOLATION: Final = tag_of(error_details_pb2.BadRequest.FIELD_VIOLATIONS_FIELD_NUMBER, LENGTH)
