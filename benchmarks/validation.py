"""The generated validation of a request beside protovalidate's, on the same messages in one process. No broker."""

import time
from collections.abc import Callable
from typing import Any

import protovalidate

from benchmarks.results import Comparison, Sample, Target, alternate
from tally.generated.tally.v1 import tally_pb2, tally_rules

_ROUNDS = 5
_ID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"


def validation(*, quick: bool) -> Comparison:
    """Compare validations a second of one valid AddRequest."""
    request = tally_pb2.AddRequest(request_id=_ID, a="-40.25", b="123456789.123456789")
    validator: Any = protovalidate.Validator()  # type: ignore[no-untyped-call]
    assert not tally_rules.add_request(request), "both sides find the request right"
    assert not validator.collect_violations(request), "both sides find the request right"
    seconds = 0.1 if quick else 1.0
    limits, subjects = alternate(
        lambda: _rate(lambda: validator.collect_violations(request), 10, seconds),
        lambda: _rate(lambda: tally_rules.add_request(request), 1_000, seconds),
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


def _rate(call: Callable[[], object], calls_a_turn: int, seconds: float) -> Sample:
    """Return calls a second over at least ``seconds``."""
    calls, start = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - start) < seconds:
        for _ in range(calls_a_turn):
            call()
        calls += calls_a_turn
    return Sample(value=calls / elapsed)
