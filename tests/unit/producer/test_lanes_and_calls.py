"""Methods, call queue and lane threads on the fake broker: every path of a transaction as a caller sees it."""

import asyncio
import uuid
from collections.abc import Sequence
from dataclasses import replace

import pytest

from producer.core.ports import Incoming
from producer.core.refusals import Code, Outcome, Reason, Refusal
from tally.event import decimals
from tally.event.partitions import partition_of
from tally.generated.tally.v1.tally_pb2 import AddBatchRequest, AddResponse
from tests_support.kafka.broker import Broker
from tests_support.producer.in_memory import LANES, LIMITS, PARTITIONS, ProducerInMemory, request, running, until


async def test_an_addition_is_answered_after_its_commit_with_its_place() -> None:
    """An addition that is answered OK is in the log, in its id's partition, at the answered offset, under its key."""
    async with running() as producer:
        asked = request()
        answer = await producer.add(asked)
        assert isinstance(answer, AddResponse)
        assert (answer.request_id, answer.sum, answer.duplicate) == (asked.request_id, "42.5", False)
        key = uuid.UUID(asked.request_id).bytes
        assert answer.position.partition == partition_of(key, PARTITIONS)
        (entry,) = producer.kafka.read_committed(answer.position.partition)
        assert (entry.offset, entry.key) == (answer.position.offset, key)
        assert entry.value is not None
        assert entry.value[53:69] == decimals.parse("42.5").to_bytes(16, "big")


async def test_a_retry_is_answered_from_memory_and_other_operands_are_refused() -> None:
    """A repeated call gets the same place as a duplicate without a second record, and other operands are refused."""
    async with running() as producer:
        asked = request()
        first, again = await producer.add(asked), await producer.add(asked)
        assert isinstance(first, AddResponse)
        assert isinstance(again, AddResponse)
        assert again.duplicate
        assert again.position == first.position
        refused = await producer.add(request(a="3", request_id=asked.request_id))
        assert isinstance(refused, Refusal)
        assert (refused.code, refused.outcome) == (Code.ALREADY_EXISTS, Outcome.NOT_COMMITTED)
        assert producer.count_of(asked) == 1


@pytest.mark.parametrize(
    ("faults", "renewals"),
    [
        (("produce",), 2),  # aborted: a new instance
        (("produce", "abort"), 2),  # the abort failed: the new instance ends it
        (("produce", "abort", "renew", "renew"), 2),
        (("commit", "commit"), 1),  # time-outs, then the same commit again
        (("commit-lost",), 2),  # unknown: a new instance and reading back
        (("commit-lost", "renew", "read-back", "read-back"), 2),
        (("commit-held",), 2),  # sent twice: a new instance
        (("commit-signs",), 2),  # suspicious: a new instance
        (("produce", "produce", "produce"), 4),
    ],
    ids=lambda value: "+".join(value) if isinstance(value, tuple) else str(value),
)
async def test_whatever_happens_to_the_transaction_it_is_committed_once(faults: Sequence[str], renewals: int) -> None:
    """Whatever fails in a transaction, a caller with time left gets OK, and the log has the id once."""
    async with running() as producer:
        await until(lambda: all(client.renewals for client in producer.clients))
        producer.fault(*faults)
        asked = request()
        answer = await producer.add(asked)
        assert isinstance(answer, AddResponse), answer
        assert producer.count_of(asked) == 1
        lane = answer.position.partition % LANES
        await until(lambda: producer.clients[lane].renewals == renewals)
        assert not producer.clients[lane].faults.queue
        further = await producer.add(request())
        assert isinstance(further, AddResponse)


async def test_a_held_back_commit_never_commits_a_later_transaction() -> None:
    """The stray EndTxn of a commit that was sent twice meets a new epoch and does nothing (I3)."""
    async with running() as producer:
        await until(lambda: all(client.renewals for client in producer.clients))
        producer.fault("commit-held")  # the second commit succeeds with a sign
        answer = await producer.add(request())
        assert isinstance(answer, AddResponse)
        client = producer.clients[answer.position.partition % LANES]
        await until(lambda: client.renewals == 2)
        assert producer.kafka.held.pop()() is False


async def test_too_little_time_left_is_told_as_not_committed() -> None:
    """A call without time for a retry is ABORTED and not-committed, and its id never appears in the log (I11)."""
    async with running(limits=replace(LIMITS, retry_floor_s=60.0)) as producer:
        await until(lambda: all(client.renewals for client in producer.clients))
        producer.fault("produce")
        asked = request()
        answer = await producer.add(asked, remaining_s=20.0)
        assert isinstance(answer, Refusal)
        assert (answer.code, answer.outcome) == (Code.ABORTED, Outcome.NOT_COMMITTED)
        assert answer.retry_after_s
        producer.fault()
        assert isinstance(await producer.add(request()), AddResponse)
        assert producer.count_of(asked) == 0


async def test_a_commit_that_is_never_resolved_is_told_as_unknown() -> None:
    """A commit whose outcome cannot be found out is UNAVAILABLE and unknown, and the lane serves the next call."""
    async with running() as producer:
        await until(lambda: all(client.renewals for client in producer.clients))
        producer.fault("commit-lost", *["read-back"] * 10_000)
        asked = request()
        answer = await producer.add(asked)
        assert isinstance(answer, Refusal)
        assert (answer.code, answer.outcome) == (Code.UNAVAILABLE, Outcome.UNKNOWN)
        producer.fault()
        again = await producer.add(asked)
        assert isinstance(again, AddResponse)


async def test_a_deadline_settles_its_call_and_nobody_else_s() -> None:
    """A call ends with DEADLINE_EXCEEDED at its deadline, and a longer one that shares its attempt gets OK (I12)."""
    producer = ProducerInMemory(Broker())
    producer.queue.open_for_calls(producer.hand)  # calls wait: no lane has started
    asked = request()
    long = asyncio.create_task(producer.add(asked, remaining_s=20))
    short = await producer.add(asked, remaining_s=0.02)
    assert isinstance(short, Refusal)
    assert (short.code, short.outcome) == (Code.DEADLINE_EXCEEDED, Outcome.UNKNOWN)
    alone = await producer.add(request(), remaining_s=0.02)
    assert isinstance(alone, Refusal)
    assert (alone.code, alone.outcome) == (Code.DEADLINE_EXCEEDED, Outcome.NOT_COMMITTED)
    producer.start()
    assert isinstance(await long, AddResponse)
    await producer.stop()


async def test_a_cancel_takes_only_its_own_call_away() -> None:
    """A cancelled call that waits alone leaves no record, and one that shares an attempt leaves it to the other."""
    producer = ProducerInMemory(Broker())
    producer.queue.open_for_calls(producer.hand)
    shared, lonely = request(), request()
    tasks = [asyncio.create_task(producer.add(each)) for each in (shared, shared, lonely)]
    await until(lambda: producer.queue.waiting == 3)
    tasks[0].cancel()
    tasks[2].cancel()
    await until(lambda: producer.queue.waiting == 1)
    producer.start()
    answer = await tasks[1]
    assert isinstance(answer, AddResponse)
    assert (producer.count_of(shared), producer.count_of(lonely)) == (1, 0)
    await producer.stop()


async def test_fenced_twice_ends_the_process_and_answers_everybody() -> None:
    """After the first fencing a new instance follows, after the second every lane ends; all callers are answered."""
    kafka = Broker()
    async with running(kafka) as producer:
        await until(lambda: all(client.renewals for client in producer.clients))
        for _ in range(2):
            await until(lambda: all(client.is_current for client in producer.clients))
            for client in producer.clients:
                kafka.raise_epoch(client.transactional_id)
            answers = await asyncio.gather(*(producer.add(request()) for _ in range(20)))
            for answer in answers:
                assert isinstance(answer, Refusal)
                assert (answer.reason, answer.outcome) == (Reason.FENCED, Outcome.NOT_COMMITTED)
        await until(lambda: sum(report.end is not None for report in producer.reports) == LANES)


async def test_a_batch_is_answered_in_the_request_s_order() -> None:
    """A batch has a result for each addition in its place, be it good, wrong, a duplicate or of other operands."""
    async with running() as producer:
        good = [request() for _ in range(12)]
        additions = [*good, request(a="x"), good[3], request(a="9", request_id=good[3].request_id)]
        answer = await producer.methods.add_batch(Incoming(AddBatchRequest(additions=additions), None, dict))
        assert not isinstance(answer, Refusal)
        assert [result.status.code for result in answer.results] == [0] * 12 + [3, 0, 6]
        assert [result.response.request_id for result in answer.results[:12]] == [each.request_id for each in good]
        assert answer.results[13].response.duplicate
        assert answer.results[13].response.position == answer.results[3].response.position
        assert all(producer.count_of(each) == 1 for each in good)


async def test_too_large_a_batch_and_a_full_queue_are_refused_whole() -> None:
    """A batch that is too large, or that finds the queue full, is refused as a whole with its reason."""
    producer = ProducerInMemory(Broker())
    producer.queue.open_for_calls(producer.hand)
    too_many = AddBatchRequest(additions=[request() for _ in range(31)])
    refused = await producer.methods.add_batch(Incoming(too_many, None, dict))
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.BATCH_TOO_LARGE
    batch = AddBatchRequest(additions=[request() for _ in range(30)])
    waiting = asyncio.create_task(producer.methods.add_batch(Incoming(batch, None, dict)))
    await until(lambda: producer.queue.waiting == 30)
    full = await producer.methods.add_batch(Incoming(batch, None, dict))
    assert isinstance(full, Refusal)
    assert (full.code, full.reason) == (Code.RESOURCE_EXHAUSTED, Reason.QUEUE_FULL)
    producer.start()
    assert not isinstance(await waiting, Refusal)
    await producer.stop()


async def test_calls_before_the_start_are_refused_with_the_reason() -> None:
    """A call before the producer has started is UNAVAILABLE, with what the producer waits for."""
    producer = ProducerInMemory(Broker())
    producer.queue.not_ready("topic sums: no broker")
    answer = await producer.add(request())
    assert isinstance(answer, Refusal)
    assert (answer.code, answer.reason, answer.outcome) == (Code.UNAVAILABLE, Reason.NOT_READY, Outcome.NOT_COMMITTED)
    assert "no broker" in answer.message
