"""Runs every check on everything that was read."""

from collections.abc import Iterator

from oracle.checks import CHECKS
from oracle.facts import CONFLICT, COUNTED, DUPLICATE, POISON, Facts
from oracle.history import Outcome
from oracle.letters import gone
from oracle.report import Finding, Report
from oracle.truth import truth_of


def judge(facts: Facts) -> Report:
    """Return the report on everything that was read."""
    truth = truth_of(facts)
    findings = [
        Finding(invariant=name, message=message)
        for name, checks in CHECKS.items()
        for check in checks
        for message in check(facts, truth)
    ]
    if facts.unrest is not None:
        findings.insert(0, Finding(invariant="AT REST", message=facts.unrest))
    return Report(
        findings=findings,
        unchecked=dict(_unchecked(facts)),
        records=sum(len(records) for records in facts.records.values()),
        counted=truth.count(COUNTED),
        duplicates=truth.count(DUPLICATE),
        conflicts=truth.count(CONFLICT),
        poison=truth.count(POISON),
        total=truth.total(),
        calls=len(facts.calls),
        acknowledged=len({call.request_id.lower() for call in facts.calls if call.outcome is Outcome.OK}),
    )


def _unchecked(facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield (check, what was missing) of the checks that could not be made."""
    sources = {shown.source.partition("/")[0] for shown in facts.watermarks}
    if not facts.calls:
        yield from ((name, "no history of calls") for name in ("I1", "I11", "I12"))
    if lost := gone(facts):
        yield "LETTERS", f"the records of {lost} dead letters were deleted from the topic"
    if not facts.committed:
        yield from ((name, "the group has committed nothing") for name in ("I4", "WITNESS"))
    if "rest" not in sources:
        yield "I7", "the history has no observations of REST"
    if "committed" not in sources:
        yield "I9", "the history has no observations of the committed offsets"
    if not facts.rest:
        yield "REST", "no address of REST was given"
