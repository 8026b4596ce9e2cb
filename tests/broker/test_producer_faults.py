"""A producer whose broker, process or time fails: what callers are told, and what is in the log afterwards."""

import os
import signal
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import pytest

from stack import Stack
from tally.event import decimals
from tally.generated.tally.v1 import tally_pb2
from tests_support.producer.process import (
    ProducerFactory,
    ProducerProcess,
    addition,
    committed,
    first_operands,
    outcome_of,
    producers,
)
from tests_support.producer.topic_settings import max_message_bytes
from tests_support.running.service_process import held
from tests_support.running.stacks import KAFKA_ONLY, stack_factory, temporary_folder
from tests_support.waiting import eventually


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A Kafka of this module's own: its broker is stopped and killed."""
    with temporary_folder() as folder, stack_factory(folder) as new:
        yield new(parts=KAFKA_ONLY)


@pytest.fixture
def factory(stack: Stack, tmp_path: Path) -> Iterator[ProducerFactory]:
    """Producers beside it."""
    with producers(stack, tmp_path) as made:
        yield made


def kafka_pid(stack: Stack) -> int:
    pid = stack.pid("kafka")
    assert pid is not None
    return pid


def in_flight(producer: ProducerProcess, requests: Sequence[Any], timeout_s: float = 30.0) -> list[Any]:
    """Start a call for each request; return their futures."""
    return [producer.service.Add.future(request, timeout=timeout_s) for request in requests]


def codes(calls: Sequence[Any]) -> list[str]:
    """Return the status of each call, once it is settled."""
    return [str(call.code().name) for call in calls]


def any_done(calls: Sequence[Any]) -> Callable[[], bool]:
    """Return a condition: one of the calls is settled."""
    return lambda: any(call.done() for call in calls)


def assert_counted_once(stack: Stack, requests: Sequence[Any]) -> None:
    """Each id is in the log, and what counts of it are the request's operands."""
    first = first_operands(committed(stack.bootstrap_servers))
    for request in requests:
        operands = (decimals.parse(each).to_bytes(16, "big", signed=True) for each in (request.a, request.b))
        assert first.get(request.request_id) == b"".join(operands)


def test_an_aborted_transaction_is_tried_again_with_a_new_instance(stack: Stack, factory: ProducerFactory) -> None:
    """A refused record aborts; the call lives on and is OK in the end; a hasty one is ABORTED and absent."""
    producer = factory.start().wait_ready()
    with max_message_bytes(stack.bootstrap_servers, 100):
        patient = addition()
        [call] = in_flight(producer, [patient])
        producer.wait_log("transaction aborted")

        def aborted() -> Any:
            request = addition()
            [hasty] = in_flight(producer, [request], timeout_s=0.9)  # too little for a second transaction
            return (hasty, request) if hasty.code() is grpc.StatusCode.ABORTED else None

        refused, hasty = eventually(aborted, 30, "a call meets the abort before its deadline")
        assert outcome_of(refused)[:2] == ("TRANSACTION_ABORTED", "not-committed")
    assert call.result().sum == "42.5"
    assert_counted_once(stack, [patient])
    keys = [key for _, _, key, _ in committed(stack.bootstrap_servers)]
    assert uuid.UUID(hasty.request_id).bytes not in keys


def test_a_killed_producer_s_calls_are_counted_once_after_their_retry(stack: Stack, factory: ProducerFactory) -> None:
    """SIGKILL with calls in flight: every retry is OK, and each id counts once, by its first record."""
    producer = factory.start().wait_ready()
    for _ in range(3):
        requests = [addition(str(n), "0.5") for n in range(300)]
        calls = in_flight(producer, requests)
        eventually(any_done(calls), 20, "the first answers")
        producer.process.kill()
        before = codes(calls)
        producer.restart().wait_ready()
        answers = [call.result() for call in in_flight(producer, requests)]
        assert [answer.sum for answer in answers] == [f"{n}.5" for n in range(300)]
        assert "OK" in before
        assert_counted_once(stack, requests)


def test_a_broker_that_hangs_during_commits_loses_nothing(stack: Stack, factory: ProducerFactory) -> None:
    """SIGSTOP for longer than a request's time-out: commits are called again or resolved, every call is OK, once."""
    producer = factory.start(producer_socket_timeout_ms=500, producer_transaction_timeout_ms=6_000).wait_ready()
    requests = [addition(str(n), "0.25") for n in range(400)]
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(producer.service.Add, request, timeout=40) for request in requests]
        eventually(lambda: sum(answer.done() for answer in answers) >= 20, 20, "the first answers")
        with held(kafka_pid(stack)):
            eventually(_passed(2.0), 10, "the broker has hung for 2 s")
    assert [answer.result().sum for answer in answers] == [f"{n}.25".rstrip("0") for n in range(400)]
    assert_counted_once(stack, requests)


def _passed(seconds: float) -> Any:
    until_s = time.monotonic() + seconds
    return lambda: time.monotonic() >= until_s


def test_a_broker_that_is_killed_and_comes_back_loses_nothing(stack: Stack, factory: ProducerFactory) -> None:
    """SIGKILL and restart of the broker under load: calls with time left are all OK, and each id counts once."""
    producer = factory.start().wait_ready()
    requests = [addition(str(n), "0.75") for n in range(400)]
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(producer.service.Add, request, timeout=55) for request in requests]
        eventually(lambda: sum(answer.done() for answer in answers) >= 20, 20, "the first answers")
        stack.kill("kafka")
        stack.start("kafka")
    assert [answer.result().sum for answer in answers] == [f"{n}.75" for n in range(400)]
    assert_counted_once(stack, requests)
    assert producer.health() == "SERVING"


def test_calls_settle_by_their_deadline(stack: Stack, factory: ProducerFactory) -> None:
    """With the broker hanging a call with a deadline ends with DEADLINE_EXCEEDED; afterwards a retry is OK."""
    producer = factory.start().wait_ready()
    request = addition()
    with held(kafka_pid(stack)):
        with pytest.raises(grpc.RpcError) as refused:
            producer.service.Add(request, timeout=0.5)
        assert refused.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert producer.service.Add(request, timeout=30).sum == "42.5"
    assert_counted_once(stack, [request])


def test_a_full_queue_is_refused_with_a_time_to_retry(stack: Stack, factory: ProducerFactory) -> None:
    """What exceeds the queue is RESOURCE_EXHAUSTED with a time to retry, and what it took is committed."""
    producer = factory.start(producer_queue_records_max=20, producer_add_batch_max=20).wait_ready()
    with held(kafka_pid(stack)):
        requests = [addition() for _ in range(30)]
        calls = in_flight(producer, requests)
        eventually(lambda: sum(call.done() for call in calls) == 10, 20, "ten are refused")
        refused = [call for call in calls if call.done()]
        for call in refused:
            assert call.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            reason, outcome, delay_s = outcome_of(call)
            assert (reason, outcome) == ("QUEUE_FULL", "not-committed")
            assert delay_s is not None
            assert delay_s > 0
    assert sorted(set(codes(calls))) == ["OK", "RESOURCE_EXHAUSTED"]
    assert codes(calls).count("OK") == 20


def test_of_two_producers_of_one_name_one_ends(stack: Stack, factory: ProducerFactory) -> None:
    """The older one is fenced, comes back once, and ends when it is fenced again; the newer one serves on."""
    pair = [factory.start(producer_replica="twin", producer_lanes=1).wait_ready() for _ in range(2)]
    accepted: list[Any] = []

    def call_both() -> bool:
        for one in pair:
            if one.process.poll() is None:
                request = addition()
                [call] = in_flight(one, [request], timeout_s=10)
                if call.code() is grpc.StatusCode.OK:
                    accepted.append(request)
        return any(one.process.poll() is not None for one in pair)

    eventually(call_both, 60, "one of the two ends")
    ended, lives = sorted(pair, key=lambda one: one.process.poll() is None)
    assert ended.wait_end() == 1
    assert "fenced a second time" in ended.text()
    assert lives.process.poll() is None
    request = addition()
    eventually(lambda: lives.service.Add(request, timeout=10), 30, "the other one serves", retry_on=(grpc.RpcError,))
    assert_counted_once(stack, [*accepted, request])


def test_a_producer_that_may_not_serve_fences_nobody(factory: ProducerFactory) -> None:
    """One of the same name that cannot find its schema waits, and the one that serves does not notice it."""
    producer = factory.start(producer_replica="calm", producer_lanes=1).wait_ready()
    assert producer.service.Add(addition(), timeout=10).sum == "42.5"
    waiting = factory.start(producer_replica="calm", producer_lanes=1, registry_url="http://127.0.0.1:1")
    waiting.wait_log("not ready")
    for _ in range(5):
        assert producer.service.Add(addition(), timeout=10).sum == "42.5"
    assert "fenced" not in producer.text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_answers_every_call(stack: Stack, factory: ProducerFactory, number: signal.Signals) -> None:
    """A signal with calls in flight: each is answered, OK or UNAVAILABLE and never dropped; exit code 0."""
    producer = factory.start().wait_ready()
    requests = [addition() for _ in range(200)]
    calls = in_flight(producer, requests)
    eventually(any_done(calls), 20, "the first answers")
    producer.process.send_signal(number)
    assert producer.wait_end() == 0
    seen = codes(calls)
    assert set(seen) <= {"OK", "UNAVAILABLE"}
    assert_counted_once(stack, [request for request, code in zip(requests, seen, strict=True) if code == "OK"])


def test_a_stop_without_a_broker_ends_within_its_time(stack: Stack, factory: ProducerFactory) -> None:
    """What cannot be committed until then is answered UNAVAILABLE with what is known of it; exit code 0."""
    producer = factory.start(producer_drain_timeout_s=2).wait_ready()
    with held(kafka_pid(stack)):
        calls = in_flight(producer, [addition() for _ in range(50)])
        # They are in the producer when one more, with a deadline, has come back through it.
        with pytest.raises(grpc.RpcError):
            producer.service.Add(addition(), timeout=0.5)
        producer.process.send_signal(signal.SIGTERM)
        assert set(codes(calls)) == {"UNAVAILABLE"}
        outcomes = {outcome_of(call)[1] for call in calls}
        assert outcomes <= {"unknown", "not-committed"}
        assert producer.wait_end(10) == 0


def test_sums_of_a_batch_survive_a_kill(stack: Stack, factory: ProducerFactory) -> None:
    """A batch whose producer is killed is sent again whole, and every id of it counts once."""
    producer = factory.start().wait_ready()
    requests = [addition(str(n), "1") for n in range(2_000)]
    batch = tally_pb2.AddBatchRequest(additions=requests)
    call = producer.service.AddBatch.future(batch, timeout=30)
    os.kill(producer.process.pid, signal.SIGKILL)
    assert codes([call])[0] in ("UNAVAILABLE", "OK")
    producer.restart().wait_ready()
    answer = producer.service.AddBatch(batch, timeout=30)
    assert {result.status.code for result in answer.results} == {0}
    assert_counted_once(stack, requests)
