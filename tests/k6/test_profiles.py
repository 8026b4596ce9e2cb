"""Each profile of the k6 scripts, shortened, on a live stack: judged by the ledger, as `just load PROFILE --k6`."""

from pathlib import Path

import pytest

from loadtests.external.k6_program import EXTENSION
from loadtests.traffic.profiles import PROFILES
from stack import Stack
from tests_support.load.loads import command, summary_in

pytestmark = [pytest.mark.k6, pytest.mark.broker]

SHORT = {
    "smoke": (1.0, 1.0), "load": (0.08, 0.1), "peak": (0.08, 0.03), "spike": (0.1, 0.05), "soak": (0.002, 0.2),
    "breakpoint": (0.06, 0.03), "e2e": (0.2, 0.5), "kafka": (0.3, 0.5),
}  # fmt: skip
"""How a profile is shortened: its durations, its users or rate."""

SEARCHES = "breakpoint"  # may find what it looks for on a busy machine


def test_all_profiles_are_here() -> None:
    """Each profile of the load tests has a short form here, so that a new one is run as well."""
    assert set(SHORT) == set(PROFILES)


@pytest.mark.parametrize("profile", SHORT)
def test_a_profile_holds(stack: Stack, k6: Path, tmp_path: Path, profile: str) -> None:
    """Every answer is the right one, nothing is lost or doubled, and the exit code says what the thresholds do."""
    time_scale, users_scale = SHORT[profile]
    done = command(
        stack, tmp_path, "run", profile, "--k6", "--folder", str(tmp_path), "--time-scale", str(time_scale),
        TALLY_K6=str(k6), USERS_SCALE=str(users_scale),
    )  # fmt: skip
    summary = summary_in(tmp_path)
    verdict, figures, broken = summary["verdict"], summary["figures"], summary["broken"]
    row = (
        profile, f"{figures['calls']} checks", f"lost {verdict['lost']}", f"doubled {verdict['doubled']}",
        f"{verdict['digest']['acked']} acknowledged", f"Add p50 {figures.get('add_p50_ms')} ms", *broken,
    )  # fmt: skip
    print("ROW", " | ".join(row))
    assert verdict["holds"]
    assert (verdict["lost"], verdict["doubled"], verdict["wrong_sum"]) == (0, 0, 0)
    assert verdict["counted"] >= verdict["digest"]["acked"] > 0
    assert figures["looked_up"] > 0
    assert done.returncode == (99 if broken else 0)
    if profile != SEARCHES:
        assert summary["unexpected"] == {}
        assert [each for each in broken if "_ms " not in each] == [], "only a busy machine's latencies may be too long"


def test_load_tells_which_k6_made_it(stack: Stack, k6: Path, tmp_path: Path) -> None:
    """The summary names the program; the harness says of itself that it is not k6."""
    done = command(
        stack, tmp_path, "run", "smoke", "--k6", "--folder", str(tmp_path), "--time-scale", "0.3", TALLY_K6=str(k6)
    )
    assert done.returncode in (0, 99)
    assert summary_in(tmp_path)["machine"]["generator"].startswith("k6-harness (a test tool, not k6)")
    assert EXTENSION.startswith("k6/x/")
