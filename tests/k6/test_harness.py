"""The harness itself: its own tests, what it says of itself, and what the k6 scripts say to bad input in it."""

import os
import subprocess
from pathlib import Path

import pytest

from stack import Stack
from stack.fetch.go_programs import ROOT
from tests_support.load.k6_harness import MAIN, addresses, go, run_script
from tests_support.running.service_process import free_port

pytestmark = [pytest.mark.k6]

MODULE = ROOT / "tests" / "k6" / "harness"
SCRIPT_EXCEPTION = 107
SCRIPT_ABORTED = 108
USAGE = 255


def run_go(*arguments: str) -> str:
    """Run Go in the harness's module; what it prints is returned."""
    program = go()
    environment = {**os.environ, "GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    line = [str(program), *arguments] if arguments[0] != "gofmt" else [str(program.with_name("gofmt")), *arguments[1:]]
    done = subprocess.run(
        line, cwd=MODULE, env=environment, capture_output=True, text=True, timeout=280, check=False
    )  # fmt: skip
    print(done.stdout, done.stderr)
    assert done.returncode == 0
    return done.stdout


def k6_says(k6: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the harness by its command line."""
    return subprocess.run([str(k6), *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_its_source_is_in_good_order(k6: Path) -> None:
    """gofmt would change nothing in the harness, and go vet finds nothing."""
    assert run_go("gofmt", "-l", ".") == ""
    assert run_go("vet", "./...") == ""


def test_it_does_what_the_documentation_of_k6_states(k6: Path) -> None:
    """Executors, thresholds, exit codes, modules: its own tests pass, watched for races where a C compiler is."""
    assert "ok  \ttally/tests/k6/harness/internal/run" in run_go("test", *race(), "./...")


def race() -> list[str]:
    """Return the option that watches for races; it needs cgo."""
    compiler = subprocess.run(["sh", "-c", "command -v gcc || command -v clang"], capture_output=True, check=False)
    return ["-race"] if compiler.returncode == 0 else []


def test_it_says_that_it_is_no_load_generator(k6: Path) -> None:
    """Whoever finds the program or its folder is told what it is, and what to take instead."""
    told = k6_says(k6, "--help").stdout
    page = (MODULE / "README.md").read_text()
    assert "no load generator" in told
    assert "just load" in told
    assert "no load generator" in page
    assert "just load" in page


def test_its_version_lists_the_extension(k6: Path) -> None:
    """As with k6 itself, `version` names the program and the extensions that it has."""
    lines = k6_says(k6, "version").stdout.splitlines()
    assert lines[0].startswith("k6-harness (a test tool, not k6)")
    assert lines[1:] == ["Extensions:", "  k6/x/tally [js]"]


@pytest.mark.parametrize(
    "arguments",
    [[], ["start"], ["run"], ["run", "--vus", "2", "a.js"], ["run", "-e", "NAME", "a.js"], ["run", "a.js", "b.js"]],
    ids=" ".join,
)
def test_a_wrong_command_line_is_one_sentence(k6: Path, arguments: list[str]) -> None:
    """A wrong command line is reported in one line that says where the help is."""
    done = k6_says(k6, *arguments)
    assert done.returncode == USAGE
    assert done.stderr.count("\n") == 1
    assert "see k6-harness --help" in done.stderr


def errors(said: str) -> list[str]:
    """Return the lines that are errors."""
    return [line for line in said.splitlines() if "level=error" in line]


@pytest.mark.parametrize(
    ("variables", "says"),
    [
        ({"PROFILE": "lod"}, 'there is no profile \\"lod\\"; there are smoke, load,'),
        ({"PROFILE": "kafka"}, "a k6 without the extension k6/x/tally cannot do"),
        ({"TIME_SCALE": "soon"}, 'TIME_SCALE is \\"soon\\"; allowed is a number above 0'),
    ],
    ids=["profile", "extension", "number"],
)
def test_bad_input_is_refused_before_the_load(k6: Path, tmp_path: Path, variables: dict[str, str], says: str) -> None:
    """A value that cannot be meant is one error with the cure, and k6's code of an exception in the script."""
    ran = run_script(tmp_path, MAIN, **variables)
    assert ran.code == SCRIPT_EXCEPTION
    assert len(errors(ran.said)) == 1
    assert says in ran.said
    assert ran.summary == {}


@pytest.mark.broker
@pytest.mark.parametrize("api", ["GRPC", "REST"])
def test_a_system_that_does_not_answer_ends_the_run(k6: Path, stack: Stack, tmp_path: Path, api: str) -> None:
    """Nobody at GRPC or REST: one error that names the address and the cure, and k6's code of an aborted run."""
    nobody = f"127.0.0.1:{free_port()}"
    ran = run_script(tmp_path, MAIN, **addresses(stack) | {api: nobody if api == "GRPC" else f"http://{nobody}"})
    assert ran.code == SCRIPT_ABORTED
    assert len(errors(ran.said)) == 1
    assert nobody in errors(ran.said)[0]
    assert "start it with `./justw up`" in errors(ran.said)[0]
    assert f"-e {api}=" in errors(ran.said)[0]
