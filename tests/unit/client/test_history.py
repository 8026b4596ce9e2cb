"""The client's log of its attempts, which the oracle reads."""

import asyncio
import sys
from pathlib import Path

from oracle.history import Call, Outcome, read_history
from tally.client import Addition, BlockingClient, Client, Committed, RetryPolicy
from tests_support.client.fake_tally import FakeTally, outcome_info, refusal, serving

QUICK = RetryPolicy(deadline_s=60, attempt_timeout_s=20, backoff_base_s=0.001, backoff_cap_s=0.01)
ID = "7b0d7a3c-5d2f-4a9e-9f5a-0d6c1b2a3e4f"


def outcomes(path: Path) -> list[tuple[str, Outcome, str]]:
    return [(call.request_id, call.outcome, call.status) for call in read_history(path)[0]]


async def test_every_attempt_is_logged_with_what_its_answer_proves(tmp_path):
    """Each attempt is logged as fail, unknown or ok, as its answer proves, and an ok with its sum and place."""
    path = tmp_path / "history.jsonl"
    fake = FakeTally()
    answers = [refusal("ABORTED", "again", outcome_info("not-committed")), refusal("UNAVAILABLE"), None]
    fake.script = lambda seen, request: answers[seen]
    async with serving(fake) as target, Client(target, policy=QUICK, history=path) as client:
        outcome = await client.add("2", "40.5", ID)
    assert isinstance(outcome, Committed)
    assert outcomes(path) == [
        (ID, Outcome.FAIL, "ABORTED"),
        (ID, Outcome.UNKNOWN, "UNAVAILABLE"),
        (ID, Outcome.OK, "OK"),
    ]
    last: Call = read_history(path)[0][-1]
    assert (last.a, last.b, last.sum, last.offset) == ("2", "40.5", "42.5", outcome.position.offset)
    assert 0 < last.ended_s - last.started_s <= (last.deadline_s or 0)


async def test_a_batch_is_logged_addition_by_addition(tmp_path):
    """Each addition of a batch has its own entry in the history, in the order in which they were given."""
    path = tmp_path / "history.jsonl"
    additions = [Addition.of(number, 1) for number in range(5)]
    async with serving(FakeTally()) as target, Client(target, history=path) as client:
        _ = [pair async for pair in client.add_many(additions)]
    assert [call.request_id for call in read_history(path)[0]] == [each.request_id for each in additions]


async def test_the_blocking_client_logs_too_and_lets_go_of_the_file(tmp_path):
    """A closed BlockingClient releases its history, so the next one appends to the same file."""
    path = tmp_path / "history.jsonl"

    def add() -> None:
        for _ in range(2):
            with BlockingClient(target, history=path) as client:
                client.add(1, 2)

    async with serving(FakeTally()) as target:
        await asyncio.to_thread(add)
    assert [outcome for _, outcome, _ in outcomes(path)] == [Outcome.OK, Outcome.OK]


async def test_the_commands_log_what_they_send(tally, tmp_path):
    """`tally add` and `tally load` append their additions and outcomes to the file that --history names."""
    path, csv = tmp_path / "history.jsonl", tmp_path / "numbers.csv"
    csv.write_text("a,b\n1,2\n3,4\n")
    async with serving(FakeTally()) as target:
        await tally("add", "2", "40.5", "--history", path, TALLY_GRPC_TARGET=target)
        await tally("load", csv, "--a", "a", "--b", "b", "--history", path, TALLY_GRPC_TARGET=target)
    assert [(call.a, call.outcome) for call in read_history(path)[0]] == [
        ("2", Outcome.OK),
        ("1", Outcome.OK),
        ("3", Outcome.OK),
    ]


async def test_a_history_that_cannot_be_written_stops_the_command_before_anything_is_sent(tally, tmp_path):
    """With a history that cannot be written, `tally add` exits 1 with the cause and sends nothing."""
    fake = FakeTally()
    async with serving(fake) as target:
        result = await tally("add", "1", "2", "--history", tmp_path / "none" / "h.jsonl", TALLY_GRPC_TARGET=target)
    assert (result.exit_code, fake.calls) == (1, [])
    assert "No such file or directory" in result.stderr


async def test_a_system_is_verified_only_with_a_topic_and_ledgers(tally, tmp_path):
    """`tally verify` with a wrong set of options exits 2 and says what to give, before it reads anything."""
    for arguments, said in (
        (["--topic", "nowhere", "--ledger", tmp_path], "is not BOOTSTRAP/TOPIC"),
        (["--topic", "h:1/t"], "--ledger DIR"),
        (["--topic", "h:1/t", "--ledger", tmp_path, "--rest", "8000"], "is not an address"),
        ([tmp_path, "--topic", "h:1/t"], "--ledger"),
        (["--ledger", tmp_path], "--topic BOOTSTRAP/TOPIC"),
        ([], "is not a directory: name one that holds ledgers"),
    ):
        result = await tally("verify", *arguments)
        assert (result.exit_code, said in result.stderr) == (2, True), (arguments, result.stderr)


async def test_without_a_checkout_a_system_is_not_verified(tally, tmp_path, monkeypatch):
    """`tally verify --topic` from an installed package exits 69 and says that it needs a checkout."""
    monkeypatch.setitem(sys.modules, "oracle", None)
    for name in [name for name in sys.modules if name.startswith(("oracle.", "tally.cli.verify_system"))]:
        monkeypatch.delitem(sys.modules, name)
    result = await tally("verify", "--topic", "h:1/t", "--ledger", tmp_path)
    assert result.exit_code == 69
    assert "runs from a checkout of Tally only" in result.stderr
