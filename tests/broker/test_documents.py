"""The documents' commands and programs on a live stack: they run, and print what is shown.

The pages are read in one session, the API first: its call and the README's are the first ones of their partitions, so
their offset is 0, which grpcurl leaves out.
"""

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Final

import pytest

from stack import Stack
from stack.views import welcome
from tests_support.consumer.rig import Raw, Rig
from tests_support.documents.blocks import DOCUMENTS, Typed, blocks, quoted, typed
from tests_support.documents.session import Session
from tests_support.documents.shape import Names
from tests_support.running.live import live_stack
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]

EXIT_CODES: Final = {
    "tally replay-dlt": 1,  # one of the letters that it shows is rejected
    "codegen plan --registry http://127.0.0.1:8081/apis/ccompat/v7 --out plan.json": 2,  # changes are pending
    "codegen plan --contracts mine --registry http://127.0.0.1:8081/apis/ccompat/v7 --out mine.json": 2,
}

NOT_RUN: Final = {
    r"git clone|(\./justw|just) (up|down)\b": "starts or stops a stack: tests/broker/test_stack_up.py does",
    r"\./justw (test|mutants|chaos|hostile|lint|gen|bench)|TALLY_WRITE": "a suite that takes minutes, or writes",
    r"export TALLY_DATA_DIR|for profile|\./justw load|just load": "minutes of load: tests/broker/test_load.py is short",
    r"k6 ": "needs a k6 of the user: tests/k6 runs the scripts in a harness",
    r"just observe": "builds engines for minutes: tests/broker/test_observe.py and tests/observability start them",
    r"\./justw run codegen plan --offline": "compares the checkout with its lock: tests/contract/test_lock.py",
    r"docker |just run tally verify .*--ledger ledgers": "needs Docker: tests/compose",
    r"just (wheel|sbom)\b|\(cd dist|ssh-keygen|sha256sum|sed ": "makes a release: tests/contract/test_release.py",
    r"TALLY_FAULT_POINTS=": "a setting, which tests/unit/base/test_fault_points.py reads",
    r"\./justw run tally tail": "follows the topic until it is stopped: tests/broker/test_client_commands.py",
}
"""What this test does not type, and why."""

WHOLE: Final = re.compile(r"\./justw run |curl [^<]+$")
"""The commands in the README's sentences and tables that are typed, too."""

PAGES: Final = ["docs/API.md", *(page for page in DOCUMENTS if page != "docs/API.md" and [*blocks(page)])]


def lines_of(page: str) -> list[Typed]:
    """Return what is typed: the lines of all blocks, and the commands in the README's sentences and tables."""
    said = quoted(page) if page == "README.md" else ()
    return sorted([*typed(page), *(line for line in said if WHOLE.match(line.command))], key=lambda line: line.line)


def reason_not_to_run(line: Typed) -> str | None:
    """Return why a line is left out, None when it is run."""
    return next((why for pattern, why in NOT_RUN.items() if re.match(pattern, line.command)), None)


def _in_partition(partition: int, make: Callable[[], Raw]) -> Raw:
    return next(raw for raw in iter(make, None) if raw.partition == partition)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with live_stack(tmp_path_factory.mktemp("stack") / "tally" / "data") as live:
        yield live


@pytest.fixture(scope="module")
def session(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Session:
    """A session on a system whose topic has two records of a foreign writer, as the page of the API shows them."""
    rig = Rig(stack)
    wrong_sum = partial(rig.addition, "2", "2", total="5")
    foreign = [_in_partition(3, rig.of_a_breaking_version), _in_partition(7, wrong_sum)]
    rig.commit(foreign)
    eventually(lambda: sum(map(len, rig.dead_letters().values())) == len(foreign), 30, "the dead letters are published")
    return Session(tmp_path_factory.mktemp("session"), stack, EXIT_CODES)


@pytest.mark.parametrize("page", PAGES)
def test_what_a_document_shows_is_what_happens(session: Session, page: str) -> None:
    """Each line that can run here ends well and prints what is shown, but for numbers, times and new names."""
    for block in blocks(page):
        if block.language == "python":
            program = session.save(block)
            if program.name.startswith("line_"):
                subprocess.run([sys.executable, str(program)], check=True, timeout=60)
    for line in lines_of(page):
        if reason_not_to_run(line) is None:
            session.type(line)


def test_the_readme_shows_what_up_prints(session: Session, stack: Stack) -> None:
    """The addresses and the two lines to paste are those of the README, but for the folder, the ports and the id."""
    [shown] = [block.text for block in blocks("README.md") if block.text.startswith("Tally is up.")]
    assert Names().fits(session.here(shown), welcome(stack))


def test_nothing_is_left_out_that_is_not_there() -> None:
    """Each reason to leave a line out belongs to a line of a document."""
    lines = [line.command for page in PAGES for line in lines_of(page)]
    assert [pattern for pattern in NOT_RUN if not any(re.match(pattern, line) for line in lines)] == []
