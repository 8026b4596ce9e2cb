"""Every refusal has its row in the API's document, and its details on the wire."""

from pathlib import Path

import pytest
from google.rpc import error_details_pb2

from producer.core import refusals
from producer.core.refusals import Outcome, Reason, Refusal, Violation
from producer.shell.rpc_status import status_of

EVERY: list[Refusal] = [
    refusals.invalid_fields([Violation("a", "x", "string.pattern")]),
    refusals.undecodable("tally.v1.AddRequest", 3),
    refusals.no_message("x"),
    refusals.batch_too_large(1),
    refusals.sum_out_of_range(),
    refusals.reused_id(),
    refusals.queue_full("x"),
    refusals.aborted("x"),
    refusals.deadline_exceeded(Outcome.UNKNOWN),
    refusals.unresolved("x"),
    refusals.fenced(),
    refusals.not_ready("x"),
    refusals.stopping(Outcome.NOT_COMMITTED),
    refusals.internal(),
]
API = Path(__file__).parents[3] / "docs" / "API.md"


def test_every_reason_can_be_made() -> None:
    """The refusals that this file checks cover every reason."""
    assert {refusal.reason for refusal in EVERY} == set(Reason)


@pytest.mark.parametrize("refusal", EVERY, ids=lambda refusal: refusal.reason.value)
def test_a_refusal_stands_in_the_table_as_it_is_answered(refusal: Refusal) -> None:
    """docs/API.md has one row for each refusal, with its status, reason, outcome and details."""
    rows = [line for line in API.read_text(encoding="utf-8").splitlines() if f"| {refusal.reason} |" in line]
    assert len(rows) == 1
    status, _, outcome, details, _ = (cell.strip() for cell in rows[0].strip("|").split("|"))
    assert status == refusal.code.name
    assert refusal.outcome in outcome
    assert ("BadRequest" in details) == bool(refusal.violations)
    assert ("RetryInfo" in details) == (refusal.retry_after_s is not None)


@pytest.mark.parametrize("refusal", EVERY, ids=lambda refusal: refusal.reason.value)
def test_the_details_are_on_the_wire(refusal: Refusal) -> None:
    """A refusal's status has ErrorInfo always, BadRequest with each violation, and RetryInfo with the delay."""
    status = status_of(refusal)
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    unpacked = [next(kind for kind in (info, bad, retry) if detail.Unpack(kind)) for detail in status.details]
    assert (status.code, status.message) == (refusal.code, refusal.message)
    assert (info.reason, info.domain, dict(info.metadata)) == (refusal.reason, "tally.v1", {"outcome": refusal.outcome})
    assert [(each.field, each.description, each.reason) for each in bad.field_violations] == [
        (violation.field, violation.description, violation.rule_id) for violation in refusal.violations
    ]
    assert (retry in unpacked) == (refusal.retry_after_s is not None)
    assert retry.retry_delay.ToMilliseconds() == round((refusal.retry_after_s or 0) * 1000)
