"""The oracle: recomputes the truth from the topic alone and holds every ledger, REST and the calls against it.

As Jepsen checks queues: log every call with its outcome, drain, read the topic independently, recompute, compare.
What was answered OK must be there, what was answered "not committed" must not, the rest may go either way.
"""

from oracle.checks import CHECKS
from oracle.facts import COUNTED, Facts
from oracle.report import Finding, Report
from oracle.truth import truth_of

__all__ = ["Facts", "Finding", "Report", "judge"]


def judge(facts: Facts) -> Report:
    """Return the report on everything that was read."""
    truth = truth_of(facts)
    findings = [
        Finding(invariant=name, message=message)
        for name, checks in CHECKS.items()
        for check in checks
        for message in check(facts, truth)
    ]
    return Report(
        findings=findings,
        records=sum(len(records) for records in facts.records.values()),
        counted=truth.count(COUNTED),
        duplicates=truth.count("DUPLICATE"),
        conflicts=truth.count("CONFLICT"),
        poison=truth.count("POISON"),
        total=truth.total(),
        calls=len(facts.calls),
        acknowledged=len({call.request_id.lower() for call in facts.calls if call.outcome == "ok"}),
    )
