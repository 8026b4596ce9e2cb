"""The modules of the k6 scripts that need nothing of k6: their own tests, by Node, and the facts of both generators."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import pytest

from loadtests.external import protoset
from loadtests.traffic import additions, generator, operations
from loadtests.traffic.profiles import PROFILES, Profile
from stack.fetch.downloads import NetworkError
from tally.event import decimals
from tally.generated.topics import SUMS
from tests_support.node import run

_FOLDER: Final = Path(__file__).parent / "modules"


def node(*arguments: str) -> str:
    """Run Node and return what it printed; the test is skipped where there is none and none can be had."""
    try:
        done = run(*arguments)
    except NetworkError as error:
        pytest.skip(str(error))
    print(done.stdout, done.stderr)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-2_000:]
    return done.stdout


@pytest.fixture(scope="module")
def told() -> dict[str, Any]:
    body: dict[str, Any] = json.loads(node(str(_FOLDER / "facts.js")))
    return body


def as_javascript(profile: Profile) -> dict[str, Any]:
    """Return a profile of ours with the names that the script gives its fields."""
    fields = asdict(profile)
    fields["thinkS"] = fields.pop("think_s")
    fields["stages"] = [{"durationS": each["duration_s"], "target": each["target"]} for each in fields["stages"]]
    body: dict[str, Any] = json.loads(json.dumps(fields))
    return body


def test_the_modules_pass_their_own_tests() -> None:
    """Draws, exact sums, pauses, the mix, profiles, thresholds, settings and the verdict keep their promises."""
    output = node("--test", "--test-reporter=tap", str(_FOLDER / "pure.test.js"))
    assert "# fail 0" in output
    assert "# pass 0" not in output


def test_profiles_are_those_of_our_own_generator(told: dict[str, Any]) -> None:
    """Each profile has the same stages, weights, pauses and thresholds in both generators, and none is in one only."""
    assert {each["name"]: each for each in told["profiles"]} == {
        name: as_javascript(each) for name, each in PROFILES.items()
    }


def test_facts_are_those_of_our_own_generator(told: dict[str, Any]) -> None:
    """Invalid input, batches, time-outs, pauses and operands of the script are those of our own generator."""
    assert told["facts"] == {
        "CALL_S": operations.CALL_S,
        "BATCH": operations.BATCH,
        "INVALID": [list(each) for each in additions.INVALID],
        "INVALID_PATHS": list(operations.INVALID_PATHS),
        "INVALID_REST_SHARE": operations.INVALID_REST_SHARE,
        "NOT_COMMITTED": told["facts"]["NOT_COMMITTED"],
        "THINK_SIGMA": generator.THINK_SIGMA,
        "THINK_FACTOR_MAX": generator.THINK_FACTOR_MAX,
        "LONG_SHARE": additions.LONG_SHARE,
        "LONG_FACTOR_MAX": str(additions.LONG_FACTOR_MAX),
        "OPERAND_UNITS_MAX": additions.OPERAND_UNITS_MAX,
        "IN_FLIGHT_MAX": generator.IN_FLIGHT_MAX,
        "VISIBLE_WAIT_MS": operations.VISIBLE_WAIT_MS,
        "PARTITIONS": SUMS.partitions,
        "SCALE": decimals.SCALE,
        "UNIT": str(decimals.UNIT),
        "TAG_DIGITS": 2 * additions.TAG_BYTES,
    }
    assert set(told["facts"]["NOT_COMMITTED"]) == operations.NOT_COMMITTED


def test_the_contract_of_the_scripts_is_the_service_s() -> None:
    """The file of descriptors that the scripts read is the contract as it stands; `just gen` writes it anew."""
    assert protoset.FILE.read_bytes() == protoset.descriptors()
