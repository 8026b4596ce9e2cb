"""AddColumns on the fake broker: every path of a transaction as a caller of columns sees it."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace

import pytest

from producer.core.ports import Incoming
from producer.core.refusals import Code, Reason, Refusal
from tally.event import decimals
from tally.event.partitions import partition_of
from tally.generated.tally.v1.tally_pb2 import AddColumnsRequest, AddColumnsResponse, AddResponse
from tests_support.kafka.broker import Broker
from tests_support.producer.in_memory import (
    LIMITS,
    PARTITIONS,
    ProducerInMemory,
    column,
    columns_of,
    request,
    running,
    until,
)


async def test_columns_are_answered_row_by_row() -> None:
    """Each row of columns has its sum and place, or is named in a refusal, whatever stands in the other rows."""
    async with running() as producer:
        good = [request(a=str(number)) for number in range(30 - 5)]
        repeated, other = good[3], request(a="9", request_id=good[3].request_id)
        asked = columns_of([*good, repeated, other, request(), request(), request()])
        asked.a = asked.a[: 27 * 16] + column([10**38, 10**38 - 1, -(2**127)])
        asked.b = asked.b[: 27 * 16] + column([0, 10**38 - 1, 10**38])
        answer = await producer.methods.add_columns(Incoming(asked, None, dict))
        assert isinstance(answer, AddColumnsResponse), answer
        told = {row: each.status.code for each in answer.refused for row in each.rows}
        assert told == {26: 6, 27: 3, 28: 11, 29: 3}
        assert [*answer.duplicates] == [25]
        sums = [int.from_bytes(answer.sums[at : at + 16], "big", signed=True) for at in range(0, len(answer.sums), 16)]
        assert sums == [decimals.parse(f"{number + 40}.5") for number in [*range(25), 3]] + [0] * 4
        assert [offset < 0 for offset in answer.offsets] == [False] * 26 + [True] * 4
        for row, each in enumerate(good):
            key = uuid.UUID(each.request_id).bytes
            assert answer.partitions[row] == partition_of(key, PARTITIONS)
            entry = producer.kafka.read_committed(answer.partitions[row])[answer.offsets[row]]
            assert (entry.offset, entry.key, producer.count_of(each)) == (answer.offsets[row], key, 1)
            assert entry.value is not None
            assert entry.value[53:69] == answer.sums[16 * row : 16 * row + 16]
        again = await producer.add_columns(good)
        assert isinstance(again, AddColumnsResponse)
        assert [*again.duplicates] == [*range(25)]
        assert [*again.offsets] == [*answer.offsets[:25]]
        single = await producer.add(good[7])
        assert isinstance(single, AddResponse)
        assert single.duplicate
        assert single.position.offset == answer.offsets[7]


@pytest.mark.parametrize(
    "faults",
    [("produce",), ("produce", "abort"), ("commit", "commit"), ("commit-lost",), ("commit-held",), ("commit-signs",)],
    ids="+".join,
)
async def test_whatever_happens_to_a_transaction_columns_are_committed_once(faults: Sequence[str]) -> None:
    """Whatever fails in a transaction, columns with time left are committed, and the log has each id once."""
    async with running() as producer:
        await until(lambda: all(client.renewals for client in producer.clients))
        producer.fault(*faults)
        rows = [request() for _ in range(30)]
        answer = await producer.add_columns(rows)
        assert isinstance(answer, AddColumnsResponse), answer
        assert not answer.refused
        assert [producer.count_of(each) for each in rows] == [1] * 30


async def test_columns_with_too_little_time_are_told_as_not_committed() -> None:
    """Columns without time for a retry are ABORTED and not-committed, and their ids never appear in the log (I11)."""
    async with running(limits=replace(LIMITS, retry_floor_s=60.0)) as producer:
        await until(lambda: all(client.renewals for client in producer.clients))
        producer.fault("produce")
        rows = [request() for _ in range(20)]
        answer = await producer.add_columns(rows)
        assert isinstance(answer, AddColumnsResponse), answer
        assert {each.status.code for each in answer.refused} == {Code.ABORTED}
        assert sorted(row for each in answer.refused for row in each.rows) == [*range(20)]
        assert answer.sums == bytes(16 * 20)
        await producer.add_columns([request() for _ in range(20)])
        assert [producer.count_of(each) for each in rows] == [0] * 20


async def test_a_deadline_settles_columns() -> None:
    """Columns that no lane has taken end with DEADLINE_EXCEEDED at their deadline, and leave nothing behind (I12)."""
    producer = ProducerInMemory(Broker())
    producer.queue.open_for_calls(producer.hand)  # calls wait: no lane has started
    rows = [request(), request()]
    answer = await producer.add_columns(rows, remaining_s=0.02)
    assert isinstance(answer, AddColumnsResponse)
    assert {each.status.code for each in answer.refused} == {Code.DEADLINE_EXCEEDED}
    assert "not-committed" in str(answer.refused[0].status)
    producer.start()
    await producer.add(request())
    assert [producer.count_of(each) for each in rows] == [0, 0]
    await producer.stop()


async def test_a_call_that_joined_columns_outlives_them() -> None:
    """A call that shares an id with columns is answered, although the call of the columns was cancelled."""
    producer = ProducerInMemory(Broker())
    producer.queue.open_for_calls(producer.hand)
    shared = request()
    columns = asyncio.create_task(producer.add_columns([shared]))
    await until(lambda: producer.queue.waiting == 1)
    joined = asyncio.create_task(producer.add(shared, remaining_s=20))
    await until(lambda: producer.queue.waiting == 2)
    columns.cancel()
    await until(lambda: producer.queue.waiting == 1)
    producer.start()
    answer = await joined
    assert isinstance(answer, AddResponse)
    assert (answer.duplicate, producer.count_of(shared)) == (True, 1)
    await producer.stop()


async def test_cancelled_columns_leave_nothing_behind() -> None:
    """A call of columns that is cancelled while it waits leaves no record and no memory."""
    producer = ProducerInMemory(Broker())
    producer.queue.open_for_calls(producer.hand)
    rows = [request() for _ in range(30)]
    task = asyncio.create_task(producer.add_columns(rows))
    await until(lambda: producer.queue.waiting == 30)
    task.cancel()
    await until(lambda: producer.queue.waiting == 0)
    producer.start()
    await producer.add(request())
    assert [producer.count_of(each) for each in rows] == [0] * 30
    await producer.stop()


async def test_columns_are_refused_whole_as_a_batch_is() -> None:
    """Too many rows, wrong lengths, a full queue and a producer that has not started refuse columns as a whole."""
    producer = ProducerInMemory(Broker())
    early = await producer.add_columns([request()])
    producer.queue.open_for_calls(producer.hand)
    large = await producer.add_columns([request() for _ in range(31)])
    uneven = await producer.methods.add_columns(
        Incoming(AddColumnsRequest(request_ids=bytes(32), a=bytes(16), b=bytes(33)), None, dict)
    )
    rows = [request() for _ in range(30)]
    accepted = asyncio.create_task(producer.add_columns(rows))
    await until(lambda: producer.queue.waiting == 30)
    full = await producer.add_columns(rows)
    reasons = [each.reason for each in (early, large, uneven, full) if isinstance(each, Refusal)]
    assert reasons == [Reason.NOT_READY, Reason.BATCH_TOO_LARGE, Reason.INVALID_FIELD, Reason.QUEUE_FULL]
    assert isinstance(uneven, Refusal)
    assert [each.field for each in uneven.violations] == ["a", "b"]
    producer.start()
    answer = await accepted
    assert isinstance(answer, AddColumnsResponse)
    await producer.stop()
