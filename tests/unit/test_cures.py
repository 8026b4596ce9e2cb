"""Every refusal of a partition names a command that exists, in a form that the command takes."""

import ast
import re
import shlex
from dataclasses import fields, replace
from pathlib import Path

import click
import pytest

from codegen.cli import cli as codegen
from consumer.core.partition import reading as partition_reading
from consumer.core.recovery import (
    Absent,
    AnchorDiffers,
    AnchorGone,
    AnchorSame,
    Facts,
    Known,
    NoAnchor,
    Replay,
    check_replayed,
    decide,
)
from consumer.shell.partitions import open_ledger
from consumer.shell.partitions import recovery as partition_recovery
from tally.cli.main import main as tally
from tally.ledger.format.header import OtherFormat
from tally.ledger.format.identity import Identity, Refuse, check_identity, check_schemas
from tally.ledger.format.witness import Witness
from tally.ledger.state.chain import ChainState
from tally.ledger.state.counts import Counts
from tally.ledger.state.fold import LedgerState
from tally.ledger.storage import opening as ledger_open
from tests_support.checkout import ROOT
from tests_support.ledger.records import IDENTITY

DIRECTORY = "data/consumer/0/ledger/tally.sums.v1-3"
COMMAND = re.compile(r"`((?:tally|codegen) [^`]+)`")
CHAIN = b"c" * 16
WITNESS = Witness(Counts(5, total=10), CHAIN, "topic-id", 1, "")
FACTS = Facts(
    directory=DIRECTORY,
    ledger=LedgerState(100, Counts(90, total=10), ChainState.empty(), 0),
    committed=Known(100, WITNESS),
    chain_at_committed=CHAIN,
    log_start=0,
    log_end=500,
    anchor=AnchorSame(),
    topic_id="topic-id",
    fold_version=1,
)


def other_identity(field: str) -> Refuse:
    value = "other" if isinstance(getattr(IDENTITY, field), str) else 99
    changed = replace(IDENTITY, **{field: value})  # type: ignore[arg-type] # of the field's own type, by the line above
    refusal = check_identity(IDENTITY, changed, DIRECTORY)
    assert refusal is not None
    return refusal


def decided(**changes: object) -> Refuse:
    decision = decide(replace(FACTS, **changes))  # type: ignore[arg-type]
    assert isinstance(decision, Refuse), decision
    return decision


def must(outcome: object) -> Refuse:
    assert isinstance(outcome, Refuse)
    return outcome


REFUSALS: dict[str, Refuse] = {
    **{f"identity, {field.name}": other_identity(field.name) for field in fields(Identity)},
    "schema id": must(check_schemas({7: "a"}, {7: "b"}, DIRECTORY)),
    "other format": must(ledger_open._refusal(OtherFormat("v9"), IDENTITY, Path(DIRECTORY))),
    "records deleted": decided(log_start=101),
    "log lost its tail": decided(log_end=99),
    "anchor differs": decided(anchor=AnchorDiffers("digest")),
    "anchor gone": decided(anchor=AnchorGone()),
    "commit beyond the log": decided(committed=Known(501, WITNESS)),
    "another topic's commit": decided(committed=Known(100, replace(WITNESS, topic_id="old"))),
    "another fold's commit": decided(committed=Known(100, replace(WITNESS, fold_version=2))),
    "chain differs": decided(chain_at_committed=b"o" * 16),
    "replayed chain differs": must(check_replayed(b"o" * 16, Replay(0, 100, WITNESS), DIRECTORY)),
    "damaged while read": Refuse("damaged", open_ledger.DAMAGED_CURE),
    "partitions changed": Refuse(*partition_recovery._partitions_changed("tally.sums.v1", 24, 12)),
    "nothing up to the commit": Refuse(*partition_reading.nothing_up_to(999, 100)),
}

MADE_IN = {
    "tally/ledger/format/identity.py": 2,
    "consumer/core/recovery.py": 8,
    "tally/ledger/storage/opening.py": 1,
}
"""Where a Refuse is made, and how often: who adds one adds it to REFUSALS."""


def parse(line: str) -> None:
    """Parse a command line as its program does, without running it. Raises click's UsageError."""
    program, name, *arguments = shlex.split(line)
    group = tally if program == "tally" else codegen
    assert isinstance(group, click.Group)
    # With the group's settings: a command keeps the names of its help option from its first context.
    context = click.Context(group, info_name=program, **group.context_settings)
    command = group.get_command(context, name)
    assert command is not None, f"{program} has no command {name}"
    command.make_context(name, arguments, parent=context)


@pytest.mark.parametrize("name", REFUSALS)
def test_the_cure_names_a_command_that_exists_and_takes_what_is_written(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each refusal's cure has at least one complete command, which the command line parses as it is printed."""
    (tmp_path / DIRECTORY).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    cure = REFUSALS[name].cure
    commands = COMMAND.findall(cure)
    assert commands, cure
    assert "{" not in cure
    for line in commands:
        parse(line)


def test_a_command_that_does_not_exist_is_noticed() -> None:
    """The check of cures fails on an unknown command and on an unknown option."""
    with pytest.raises(AssertionError):
        parse("tally mend")
    with pytest.raises(click.UsageError):
        parse("tally repair --partitions 3")


def test_no_refusal_is_made_that_this_file_does_not_know() -> None:
    """Every place in the code that makes a refusal is listed here, so that none has an unchecked cure."""
    made = {}
    for path in sorted([*(ROOT / "consumer").rglob("*.py"), *(ROOT / "tally" / "ledger").rglob("*.py")]):
        calls = [node.func for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]
        count = sum(isinstance(called, ast.Name) and called.id == "Refuse" for called in calls)
        if count:
            made[str(path.relative_to(ROOT))] = count
    assert made == MADE_IN


def test_what_needs_no_person_is_no_refusal() -> None:
    """An empty ledger beside a log that has everything is rebuilt without asking anybody."""
    empty = replace(FACTS, ledger=LedgerState.empty(), anchor=NoAnchor(), committed=Absent())
    assert not isinstance(decide(empty), Refuse)
