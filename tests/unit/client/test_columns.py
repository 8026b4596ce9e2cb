"""Columns sent by the client library to a scripted service."""

import asyncio
import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from google.rpc import status_pb2

from tally.client import BlockingClient, Client, ColumnOutcomes, Refused, RetryPolicy, Unknown
from tally.client.columns import ROWS_MAX, Columns
from tally.client.retry import Failure
from tally.client.transport import columns_reply_of
from tally.event.decimals import UNIT
from tally.generated.tally.v1 import tally_pb2
from tally.generated.tally.v1.tally_rules import ADD_BATCH_REQUEST_ADDITIONS_MAX_ITEMS
from tests_support.client.fake_tally import FakeTally, outcome_info, refusal, serving

QUICK = RetryPolicy(attempt_timeout_s=30, backoff_base_s=0.001, backoff_cap_s=0.01)
HOPELESS = RetryPolicy(attempt_timeout_s=30, attempts_max=3, backoff_base_s=0.001, backoff_cap_s=0.01)
NOBODY = "127.0.0.1:1"
IDS = [uuid.UUID(int=number + (7 << 100)) for number in range(4)]


def column(numbers: Sequence[int]) -> bytes:
    """Return whole numbers as a column."""
    return b"".join((number * UNIT).to_bytes(16, "big", signed=True) for number in numbers)


REQUEST = (b"".join(each.bytes for each in IDS), column([1, 2, 3, -4]), column([10, 20, 30, 2]))
SUMS = column([11, 22, 33, -2])


async def test_committed_rows_bring_their_sums_and_places() -> None:
    """Columns that are committed bring a sum and a place for each row; a second call brings duplicates."""
    async with serving(FakeTally()) as target, Client(target, policy=QUICK) as client:
        outcomes = await client.add_columns(*REQUEST)
        again = await client.add_columns(*map(bytearray, REQUEST))
    assert (len(outcomes), outcomes.sums, outcomes.topic) == (4, SUMS, "tally.sums.v1")
    assert [*outcomes.offsets] == [0, 1, 2, 3]
    assert (outcomes.duplicates, outcomes.failures) == (frozenset(), {})
    assert outcomes.position(2) == again.position(2)
    assert again.duplicates == {0, 1, 2, 3}


async def test_only_rows_without_a_final_answer_are_sent_again() -> None:
    """Rows that failed for the moment are sent again under their ids; a final refusal and what is committed are not."""
    fake = FakeTally()

    def script(seen: int, request: tally_pb2.AddRequest) -> status_pb2.Status | None:
        if request.request_id == str(IDS[1]):
            return refusal("UNAVAILABLE", "soon") if seen < 2 else None
        return refusal("ALREADY_EXISTS", "other operands") if request.request_id == str(IDS[2]) else None

    fake.script = script
    async with serving(fake) as target, Client(target, policy=QUICK) as client:
        outcomes = await client.add_columns(*REQUEST)
    assert fake.calls == [[str(each) for each in IDS], [str(IDS[1])], [str(IDS[1])]]
    assert outcomes.failures == {2: Refused(str(IDS[2]), "ALREADY_EXISTS", "other operands")}
    assert outcomes.sums == SUMS[:32] + bytes(16) + SUMS[48:]
    assert [offset < 0 for offset in outcomes.offsets] == [False, False, True, False]


@pytest.mark.parametrize(("outcome", "possibly"), [("unknown", True), ("not-committed", False)])
async def test_rows_that_never_get_an_answer_are_unknown(outcome: str, possibly: bool) -> None:
    """A row without a final answer in time is Unknown, possibly committed unless each attempt proved that it is not."""
    fake = FakeTally()
    fake.script = lambda seen, request: refusal("UNAVAILABLE", "no", outcome_info(outcome))
    async with serving(fake) as target, Client(target, policy=HOPELESS) as client:
        outcomes = await client.add_columns(*REQUEST)
    assert outcomes.failures == {
        row: Unknown(str(each), "UNAVAILABLE", "no", 3, possibly_committed=possibly) for row, each in enumerate(IDS)
    }


async def test_a_lost_answer_followed_by_a_refusal_leaves_a_doubt() -> None:
    """A row that may have been committed is Unknown, and not Refused, when a later attempt is refused for its id."""
    fake = FakeTally()
    fake.script = lambda seen, request: refusal("ALREADY_EXISTS", "other") if seen else refusal("UNAVAILABLE", "lost")
    async with serving(fake) as target, Client(target, policy=QUICK) as client:
        outcomes = await client.add_columns(*REQUEST)
    assert {type(each) for each in outcomes.failures.values()} == {Unknown}


async def test_nobody_there_is_told_of_every_row() -> None:
    """Where no service is, every row is Unknown and certainly not committed."""
    async with Client(NOBODY, policy=HOPELESS) as client:
        outcomes = await client.add_columns(*REQUEST)
    assert [type(each) for each in outcomes.failures.values()] == [Unknown] * 4
    assert not any(each.possibly_committed for each in outcomes.failures.values() if isinstance(each, Unknown))


async def test_many_rows_go_in_several_calls_and_come_back_as_one() -> None:
    """More rows than a call takes go in several calls, and the outcomes stand in the rows' order."""
    rows = ROWS_MAX + 3
    ids = b"".join(number.to_bytes(16, "big") for number in range(rows))
    fake = FakeTally()
    fake.script = lambda seen, request: refusal("INVALID_ARGUMENT") if request.a == str(rows - 1) else None
    async with serving(fake) as target, Client(target, policy=QUICK) as client:
        outcomes = await client.add_columns(ids, column(range(rows)), column([1] * rows))
        nothing = await client.add_columns(b"", b"", b"")
    assert sorted(map(len, fake.calls)) == [3, ROWS_MAX]
    assert [*outcomes.failures] == [rows - 1]
    assert outcomes.sums == column([*range(1, rows), 0])
    assert (len(nothing), nothing.sums, nothing.failures) == (0, b"", {})


async def test_what_is_no_column_is_refused_before_anything_is_sent() -> None:
    """What is no buffer is a TypeError, and columns of wrong lengths are a ValueError that names them."""
    fake = FakeTally()
    async with serving(fake) as target, Client(target) as client:
        with pytest.raises(TypeError, match="request_ids is a str"):
            await client.add_columns("x", b"", b"")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match="b has 17 bytes"):
            await client.add_columns(bytes(16), bytes(16), bytes(17))
        with pytest.raises(ValueError, match="a has 32 bytes and request_ids 16"):
            await client.add_columns(bytes(16), bytes(32), bytes(16))
    assert fake.calls == []


async def test_columns_are_in_the_history_row_by_row(tmp_path: Path) -> None:
    """Each attempt of each row is a line of the history, with what its caller may conclude."""
    fake = FakeTally()
    fake.script = lambda seen, request: refusal("UNAVAILABLE") if request.a == "2" and not seen else None
    async with serving(fake) as target, Client(target, policy=QUICK, history=tmp_path / "history") as client:
        await client.add_columns(*REQUEST)
    lines = [json.loads(line) for line in (tmp_path / "history").read_text().splitlines()]
    assert [(line["request_id"], line["a"], line["outcome"], line["sum"]) for line in lines] == [
        (str(IDS[0]), "1", "ok", "11"),
        (str(IDS[1]), "2", "unknown", ""),
        (str(IDS[2]), "3", "ok", "33"),
        (str(IDS[3]), "-4", "ok", "-2"),
        (str(IDS[1]), "2", "ok", "22"),
    ]


async def test_a_blocking_client_takes_columns_too() -> None:
    """BlockingClient.add_columns waits for the outcomes that Client.add_columns has."""

    def add() -> ColumnOutcomes:
        with BlockingClient(target, policy=QUICK) as client:
            return client.add_columns(*[memoryview(each) for each in REQUEST])

    async with serving(FakeTally()) as target:
        outcomes = await asyncio.to_thread(add)
    assert outcomes.sums == SUMS


def answer(**wrong: Any) -> tally_pb2.AddColumnsResponse:
    """Return an answer to two rows, the second one refused, with some fields wrong."""
    aborted = tally_pb2.RefusedRows(status=refusal("ABORTED"), rows=[1])
    good: dict[str, Any] = {"sums": bytes(32), "partitions": [1, 2], "offsets": [3, -1], "refused": [aborted]}
    return tally_pb2.AddColumnsResponse(**{**good, **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        {"refused": []},
        {"sums": bytes(31)},
        {"offsets": [3]},
        {"partitions": [1, 2, 3]},
        {"refused": [tally_pb2.RefusedRows(status=refusal("ABORTED"), rows=[0])]},
        {"refused": [tally_pb2.RefusedRows(status=refusal("ABORTED"), rows=[-1])]},
        {"duplicates": [2]},
    ],
    ids=str,
)
def test_an_answer_that_does_not_tell_of_every_row_is_no_answer(wrong: dict[str, Any]) -> None:
    """An answer that leaves a row's outcome open is INTERNAL, which is tried again, and never taken for OK."""
    assert not isinstance(columns_reply_of(2, answer()), Failure)
    reply = columns_reply_of(2, answer(**wrong))
    assert isinstance(reply, Failure)
    assert (reply.status, reply.final, reply.not_committed) == ("INTERNAL", False, False)


def test_a_call_takes_as_many_rows_as_a_batch_takes_additions() -> None:
    """One setting bounds both, so the contract allows as many rows of columns as additions of a batch."""
    assert ROWS_MAX == ADD_BATCH_REQUEST_ADDITIONS_MAX_ITEMS


def test_rows_of_columns_keep_their_order() -> None:
    """Some rows of columns are the same bytes in the order asked for, and as an addition the same numbers."""
    some = Columns.of(*REQUEST).rows([3, 1])
    assert [some.addition(row).request_id for row in range(2)] == [str(IDS[3]), str(IDS[1])]
    assert (some.addition(0).a, some.addition(1).b) == ("-4", "20")
