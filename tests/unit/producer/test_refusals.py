"""Every refusal has its row in the API's document, and its details on the wire."""

from pathlib import Path

import pytest
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from producer.core import refusals
from producer.core.addition import validate
from producer.core.refusals import Code, Outcome, Reason, Refusal
from producer.shell.rpc_status import status_bytes
from tally.generated.rules import Violation
from tests_support.producer.statuses import library_status

EVERY: list[Refusal] = [
    refusals.invalid_fields([Violation("a", "string.pattern", "x")]),
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
    status = status_pb2.Status.FromString(status_bytes(refusal))
    info, bad, retry = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    unpacked = [next(kind for kind in (info, bad, retry) if detail.Unpack(kind)) for detail in status.details]
    assert (status.code, status.message) == (refusal.code, refusal.message)
    assert (info.reason, info.domain, dict(info.metadata)) == (refusal.reason, "tally.v1", {"outcome": refusal.outcome})
    assert [(each.field, each.description, each.reason) for each in bad.field_violations] == [
        (violation.field, violation.message, violation.rule_id) for violation in refusal.violations
    ]
    assert (retry in unpacked) == (refusal.retry_after_s is not None)
    assert retry.retry_delay.ToMilliseconds() == round((refusal.retry_after_s or 0) * 1000)


@pytest.mark.parametrize(
    "refusal",
    [*EVERY, *map(refusals.brief, EVERY)],
    ids=lambda refusal: f"{refusal.reason.value} {refusal.message[:10]}",
)
def test_a_status_is_what_the_library_makes_of_it(refusal: Refusal) -> None:
    """The bytes of every refusal's status are the ones that Protobuf's library makes of the same messages."""
    assert status_bytes(refusal) == library_status(refusal).SerializeToString()


texts = st.text(min_size=1, max_size=400)


@given(
    st.builds(
        Refusal,
        st.sampled_from(Code),
        st.sampled_from(Reason),
        st.sampled_from(Outcome),
        texts,
        st.lists(st.builds(Violation, st.sampled_from(["a", "request_id"]), st.sampled_from(["", "x.y"]), texts)).map(
            tuple
        ),
        st.sampled_from([None, 0.5, 2.0]),
    )
)
def test_a_status_is_what_the_library_makes_of_any_texts(refusal: Refusal) -> None:
    """The same holds whatever a message and the violations say, and however long it is."""
    assert status_bytes(refusal) == library_status(refusal).SerializeToString()


@pytest.mark.parametrize(
    "texts", [("", "", ""), ("x1", "1e3", "5"), ("\x01" * 60,) * 3, ("é" * 500, "٣", "\U0001f600")]
)
def test_a_refused_request_is_worded_and_sent_as_the_library_does(texts: tuple[str, str, str]) -> None:
    """What a caller wrote, in any script and length, comes back in the bytes that the library makes of it."""
    refusal = validate(*texts)
    assert isinstance(refusal, Refusal)
    assert status_bytes(refusal) == library_status(refusal).SerializeToString()
