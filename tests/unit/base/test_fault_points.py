"""Fault points: the plan is checked before anything starts, a point that is off does nothing, and each action works."""

import errno
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tally.base.fault_points import CATALOGUE, TAKES_ERROR, ArmedPoint, Fault, FaultPoints, FaultPointsError, parse
from tests_support.checkout import ROOT, python_files, text_of
from tests_support.waiting import eventually

BOUND = re.compile(r'point\("([a-z_.]+)"\)')


def test_a_plan_is_read_with_actions_values_and_counts() -> None:
    """A plan gives for each point an action, its value and the passes that it applies to; an empty plan is none."""
    plan = parse("producer.after_begin=kill@3, consumer.before_fsync=delay:200,consumer.disk_write=error:ENOSPC@2+,")
    assert list(plan.values()) == [
        Fault("producer.after_begin", "kill", 0, 3),
        Fault("consumer.before_fsync", "delay", 200),
        Fault("consumer.disk_write", "error", errno.ENOSPC, 2, and_later=True),
    ]
    assert parse("") == {}


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ("producer.nowhere=kill", "there is no point 'producer.nowhere'; allowed are producer.before_init"),
        ("producer.after_begin", "is not NAME=ACTION"),
        ("producer.after_begin=kill@0", "is not NAME=ACTION"),
        ("producer.after_begin=explode", "is not one of kill, stop, delay:MS"),
        ("producer.after_begin=delay", "is not one of"),
        ("producer.after_begin=delay:999999999", "at most 600000"),
        ("consumer.disk_write=error:EWHATEVER", "is not one of"),
        ("producer.after_begin=error:EIO", "cannot raise an error; allowed at consumer.disk_dir_fsync"),
        ("producer.after_begin=kill,producer.after_begin=stop", "appears twice"),
    ],
)
def test_a_wrong_plan_is_refused_with_what_is_allowed(plan: str, told: str) -> None:
    """A plan with an unknown point, action, value or count, or a point twice, is refused with what is allowed."""
    with pytest.raises(FaultPointsError, match=re.escape(told)):
        parse(plan)


@pytest.mark.parametrize("service", ["producer", "consumer"])
def test_a_service_with_a_wrong_plan_ends_with_one_line_that_tells_the_cure(service: str, tmp_path: Path) -> None:
    """A service with a wrong TALLY_FAULT_POINTS exits 2 with one line that names the setting and what is allowed."""
    environment = {"PYTHONPATH": str(ROOT), "TALLY_FAULT_POINTS": "nowhere=kill", "TALLY_DATA_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-m", service], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "TALLY_FAULT_POINTS: there is no point 'nowhere'; allowed are" in done.stderr


def test_a_point_without_a_plan_is_the_one_function_that_does_nothing() -> None:
    """All points without a plan are one and the same empty function, so they cost production code next to nothing."""
    points = FaultPoints()
    assert points.arm("producer.after_begin=kill") == ["producer.after_begin"]
    assert points.point("producer.after_init") is points.point("producer.before_init")
    assert isinstance(points.point("producer.after_begin"), ArmedPoint)


def test_a_plan_that_comes_after_its_points_were_bound_is_a_broken_invariant() -> None:
    """Arming a point that is bound already raises AssertionError with its name, as the fault would never happen."""
    points = FaultPoints()
    points.point("producer.after_begin")
    with pytest.raises(AssertionError, match=r"producer\.after_begin"):
        points.arm("producer.after_begin=kill")


@pytest.mark.parametrize(
    ("fault", "raising"),
    [
        (Fault("consumer.disk_write", "error", errno.EIO), [1, 2, 3, 4]),
        (Fault("consumer.disk_write", "error", errno.EIO, 2), [2]),
        (Fault("consumer.disk_write", "error", errno.EIO, 3, and_later=True), [3, 4]),
    ],
)
def test_a_count_chooses_the_passes_at_which_it_happens(fault: Fault, raising: list[int]) -> None:
    """A fault happens at every pass, at the n-th only, or from the n-th on, as its count says."""
    armed, raised = ArmedPoint(fault), []
    for number in range(1, 5):
        try:
            armed()
        except OSError:
            raised.append(number)
    assert raised == raising


def test_a_delay_waits_and_goes_on() -> None:
    """A delay holds its caller for at least the given milliseconds and then lets it continue."""
    began_s = time.monotonic()
    ArmedPoint(Fault("producer.after_begin", "delay", 30))()
    assert time.monotonic() - began_s >= 0.03


@pytest.mark.parametrize(("action", "number"), [("kill", signal.SIGKILL), ("stop", signal.SIGSTOP)])
def test_kill_and_stop_reach_the_process_itself(action: str, number: signal.Signals) -> None:
    """The actions kill and stop send SIGKILL and SIGSTOP to the process that passes the point."""
    plan = f"producer.after_init={action}"
    code = f"from tally.base import fault_points as f; f.arm({plan!r}); f.point('producer.after_init')()"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as process:
        try:
            if number is signal.SIGSTOP:
                status = Path(f"/proc/{process.pid}/stat")
                if not status.exists():
                    pytest.skip("no /proc here to see a stopped process in")
                eventually(lambda: status.read_text().split()[2] == "T", 20, "the process is stopped")
            else:
                assert process.wait(20) == -number
        finally:
            process.kill()


def test_every_point_of_the_catalogue_stands_in_the_code_once() -> None:
    """Each point of the catalogue is bound in the code exactly once, and the code binds no other."""
    found = [
        name for file in python_files("producer", "consumer", "tally") for name in BOUND.findall(text_of(file) or "")
    ]
    assert sorted(found) == sorted(CATALOGUE)
    assert set(CATALOGUE) > TAKES_ERROR


def test_every_point_stands_in_the_documents_with_its_moment() -> None:
    """docs/FAULTS.md has a row for each point of the catalogue, with the same words for its moment."""
    text = text_of("docs/FAULTS.md") or ""
    assert [name for name, moment in CATALOGUE.items() if f"| `{name}` | {moment} |" not in text] == []
