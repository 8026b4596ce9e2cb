"""What a load test found, made up: for tests of what is done with it."""

from pathlib import Path

from loadtests.judging.verdict import Verdict
from loadtests.run import Plan, Result
from loadtests.target import Target
from loadtests.traffic.additions import Draw
from loadtests.traffic.generator import Load
from loadtests.traffic.measures import Second, Window
from loadtests.traffic.outcomes import Outcome, OutcomeLog
from loadtests.traffic.profiles import PROFILES
from loadtests.traffic.spans import Slow

HOSTILE = "<script>document.title='broken'</script>"
"""Part of an answer that was not expected."""


def result_in(folder: Path) -> Result:
    """Return a run of a minute in which everything that a report can show happened."""
    log = OutcomeLog(folder / "outcomes.bin", bytes(6))
    addition = Draw.seeded(bytes(6), 1).next()
    log.begin(addition)
    log.settle(addition, Outcome.ACKED)
    whole = Window()
    whole.answered("add", "OK", 12.0, None)
    whole.answered("conflict", "OK", 12.0, f"OK instead of {HOSTILE}")
    seconds = [
        Second(float(at), 100.0, at, 90, 1, 0, 3.0, 9.0, 28_214.5 if at == 30 else 20.0, 1.0, {"load": 0.5, "kafka": 1})
        for at in range(1, 61)
    ]
    nowhere = Target(grpc="", rest="", kafka="", registry="")
    return Result(
        plan=Plan(profile=PROFILES["smoke"], target=nowhere, folder=folder, seed=1),
        tag="00", started_at="2026-11-26T00:00:00+00:00", machine={"cores": "2"},
        load=Load(whole=whole, seconds=seconds), figures=whole.figures(), broken=("add_p50_ms <= 250: 300",),
        slowest=[Slow(2_500.0, "add", "a" * 32)], verdict=Verdict(digest=log.close(), counted=1),
        warnings=["the load generator used a whole core"],
    )  # fmt: skip
