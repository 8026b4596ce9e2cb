"""The extension k6/x/tally: its Go code is sound, holds on a real stack, and agrees with our own verdict."""

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest

from loadtests.external.k6_build import FOLDER, MODULE, k6_version
from loadtests.judging.ledger_source import CLOCKS_APART, counted_rows, fetch_export
from loadtests.judging.verdict import FAULTS, ROW_DTYPE, judge
from loadtests.traffic.outcomes import Digest
from stack import Stack
from stack.fetch.go_programs import ROOT, CannotBuildError, go_for
from tally.base.cache_folder import cache_folder
from tests_support.load.k6_harness import TALLY, addresses, harness, run_script
from tests_support.running.live import live_stack
from tests_support.running.stacks import temporary_folder

STUB: Final = ROOT / "tests" / "k6" / "stub"
GO_S: Final = 280.0

pytestmark = pytest.mark.k6


@pytest.fixture(scope="module")
def go() -> Path:
    try:
        return go_for(FOLDER, cache_folder(), print)
    except CannotBuildError as error:
        pytest.skip(str(error))


def run_go(go: Path, module: Path, *arguments: str, **environment: str) -> str:
    """Run Go in a module and return what it wrote; it must end with 0."""
    settings = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false", **environment}
    done = subprocess.run(
        [str(go), *arguments], cwd=module, env=settings, capture_output=True, text=True, timeout=GO_S, check=False
    )
    print(done.stdout, done.stderr)
    assert done.returncode == 0, arguments
    return done.stdout


def race_detector(go: Path, module: Path) -> list[str]:
    """Return the option for the race detector, none where this machine cannot build with it (it needs a C compiler)."""
    tried = subprocess.run(
        [str(go), "env", "CGO_ENABLED", "CC"], cwd=module, capture_output=True, text=True, check=True
    )
    enabled, compiler = tried.stdout.split()[:2]
    found = subprocess.run(["sh", "-c", f"command -v {compiler}"], capture_output=True, check=False).returncode == 0
    return ["-race"] if enabled == "1" and found else []


@pytest.mark.parametrize("module", [FOLDER, STUB], ids=["extension", "stub"])
def test_go_code_is_formatted_and_vetted(go: Path, module: Path) -> None:
    """gofmt would change nothing in the extension, and go vet finds nothing."""
    done = subprocess.run(
        [str(go.with_name("gofmt")), "-l", "."], cwd=module, capture_output=True, text=True, check=True
    )
    assert done.stdout == ""
    run_go(go, module, "vet", "./...")


def test_packages_hold_under_the_race_detector(go: Path) -> None:
    """All packages pass their tests, with the race detector where this machine can build with it."""
    race = race_detector(go, FOLDER)
    if not race:
        print("without the race detector: this machine has no C compiler for Go")
    run_go(go, FOLDER, "test", *race, "-short", "./...")


@pytest.mark.slow
def test_ten_million_outcomes_need_little_memory(go: Path) -> None:
    """Ten million outcomes and rows are written and compared within a bound on memory that does not grow with them."""
    run_go(go, FOLDER, "test", "-count=1", "-run", "TestTenMillion", "-v", "./truth")


def test_its_verdict_is_that_of_verdict_py(go: Path, tmp_path: Path) -> None:
    """Both judges find the same faults in the same files, and the file of outcomes is whole by its digest."""
    run_go(go, FOLDER, "test", "-count=1", "-run", "TestFaults", "-v", "./truth", TALLY_EXCHANGE=str(tmp_path))
    theirs: dict[str, Any] = json.loads((tmp_path / "verdict.json").read_text(encoding="utf-8"))
    digest = Digest(**json.loads((tmp_path / "outcomes.json").read_text(encoding="utf-8")))
    rows = np.fromfile(tmp_path / "rows.bin", ROW_DTYPE)
    ours = asdict(judge(tmp_path / "outcomes.bin", digest, [rows], tmp_path / "buckets"))
    assert digest.acked + digest.refused + digest.unknown == 20_000
    for name in (*FAULTS, "counted", "counted_sum", "unknown_counted", "digest"):
        assert ours[name] == theirs[name], name
        assert name == "digest" or int(float(ours[name])) != 0, f"the test has no {name}"
    assert len(theirs["problems"]) == len(ours["problems"]) == 1  # the sums differ; nothing is missing in the file


def test_a_build_as_xk6_makes_it_compiles(go: Path, tmp_path: Path) -> None:
    """A program that imports the extension by its folder compiles, with the stub in k6's place, and registers it."""
    replaces = f"replace {MODULE} => {FOLDER}\n\nreplace go.k6.io/k6/v2 => {STUB}\n"
    needs = f"require (\n\t{MODULE} v0.0.0\n\tgo.k6.io/k6/v2 {k6_version()}\n)\n"
    (tmp_path / "go.mod").write_text(f"module k6\n\ngo 1.26.0\n\n{needs}\n{replaces}", encoding="utf-8")
    (tmp_path / "go.sum").write_bytes((FOLDER / "go.sum").read_bytes())
    (tmp_path / "main.go").write_text(
        'package main\n\nimport (\n\t"go.k6.io/k6/v2/js/modules"\n\t_ "' + MODULE + '"\n)\n\n'
        'func main() {\n\tif _, there := modules.Registered("k6/x/tally"); there {\n'
        '\t\tprintln("k6/x/tally")\n\t}\n}\n',
        encoding="utf-8",
    )
    built = tmp_path / "k6"
    run_go(go, tmp_path, "build", "-o", str(built), ".", CGO_ENABLED="0", GOFLAGS="-mod=mod -buildvcs=false")
    assert subprocess.run([built], capture_output=True, text=True, check=True).stderr.strip() == "k6/x/tally"


def test_nothing_of_k6_is_pinned_by_content() -> None:
    """go.sum has no line for k6, and the version in go.mod is the one of the container and of the documents."""
    assert "k6.io" not in (FOLDER / "go.sum").read_text(encoding="utf-8")
    for name in ("Dockerfile", "README.md"):
        assert k6_version() in (FOLDER / name).read_text(encoding="utf-8"), name


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with temporary_folder() as folder, live_stack(folder) as one:
        yield one


@pytest.mark.broker
def test_packages_hold_on_a_real_stack(go: Path, stack: Stack) -> None:
    """What transactions committed is found, what they aborted is not, faults are seen, and poison is judged once."""
    places = {"TALLY_TEST_KAFKA": stack.bootstrap_servers, "TALLY_TEST_REGISTRY": stack.registry_url}
    said = run_go(go, FOLDER, "test", *race_detector(go, FOLDER), "-count=1", "-v", "./run", **places)
    assert "SKIP" not in said


@pytest.mark.broker
def test_the_script_judges_topic_poison_and_ledger(stack: Stack, tmp_path: Path) -> None:
    """tally.js in the profile kafka loses and doubles nothing; its file of outcomes agrees with the ledger's rows."""
    try:
        harness()
    except CannotBuildError as error:
        pytest.skip(str(error))
    outcomes = tmp_path / "outcomes.bin"
    began = datetime.now(UTC) - CLOCKS_APART
    ran = run_script(
        tmp_path, TALLY, **addresses(stack), KAFKA=stack.bootstrap_servers, REGISTRY=stack.registry_url,
        PROFILE="kafka", USERS_SCALE=0.2, TIME_SCALE=0.3, OUTCOMES=str(outcomes), SEED=11,
    )  # fmt: skip
    verdict, figures = ran.summary["verdict"], ran.summary["figures"]
    assert verdict["holds"], verdict
    assert verdict["lost"] == verdict["doubled"] == figures["topic_wrong"] == figures["poison_unjudged"] == 0
    assert figures["topic_judged"] == figures["topic_records"] == verdict["digest"]["acked"] > 0
    assert "poison 5, of it unjudged 0" in ran.said
    # A loaded machine may be slow; nothing else may be wrong.
    assert [each for each in ran.summary["broken"] if "_ms" not in each] == []
    assert ran.code == (99 if ran.summary["broken"] else 0)
    digest = Digest(**json.loads(outcomes.with_suffix(".json").read_text(encoding="utf-8")))
    fetch_export(stack.rest_url, began, tmp_path / "ledger.csv")
    rows = counted_rows(tmp_path / "ledger.csv", bytes.fromhex(digest.tag))
    judged = judge(outcomes, digest, rows, tmp_path / "buckets")
    assert judged.holds, judged
