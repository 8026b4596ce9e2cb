"""The benches that need no Kafka. Each imports packages that the others do without, so it is imported when it runs."""

from collections.abc import Callable, Mapping
from typing import Final

from benchmarks.results import Comparison


def _codegen(quick: bool) -> list[Comparison]:
    from benchmarks.codec import codec, gen  # noqa: PLC0415 - see above
    from benchmarks.validation import validation  # noqa: PLC0415 - see above

    return [*codec(quick=quick), validation(quick=quick), *gen(quick=quick)]


def _refusals(quick: bool) -> list[Comparison]:
    from benchmarks.refusals import beside_good_answers  # noqa: PLC0415 - see above

    return beside_good_answers(quick=quick)


WITHOUT_KAFKA: Final[Mapping[str, Callable[[bool], list[Comparison]]]] = {"codegen": _codegen, "refusals": _refusals}
"""By name what measures; it is told whether the run is quick."""
