"""The generated validation of a request beside protovalidate's, on the same messages in one process. No broker."""

from collections.abc import Callable
from typing import Any

import protovalidate

from benchmarks.results import Comparison, Target, alternate, rate
from tally.generated.tally.v1 import tally_pb2, tally_rules

_ROUNDS = 5
_ID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


def validation(*, quick: bool) -> Comparison:
    """Compare validations a second of one valid AddRequest."""
    request = tally_pb2.AddRequest(request_id=_ID, a="-40.25", b="123456789.123456789")
    validator: Any = protovalidate.Validator()  # type: ignore[no-untyped-call]
    assert not tally_rules.add_request(request), "both sides find the request right"
    assert not validator.collect_violations(request), "both sides find the request right"
    duration_s = 0.1 if quick else 1.0
    limits, subjects = alternate(
        lambda: rate(lambda: _times(10, validator.collect_violations, request), 10, duration_s),
        lambda: rate(lambda: _times(1_000, tally_rules.add_request, request), 1_000, duration_s),
        _ROUNDS,
    )
    return Comparison(
        name="codegen: validation",
        unit="requests/s",
        subject="the validator compiled from tally.proto",
        limit="protovalidate 1.2.0, which runs the same rules as CEL in Python",
        target=Target(ratio=20.0),
        subject_samples=subjects,
        limit_samples=limits,
    )


def _times(count: int, call: Callable[[tally_pb2.AddRequest], object], request: tally_pb2.AddRequest) -> None:
    for _ in range(count):
        call(request)
