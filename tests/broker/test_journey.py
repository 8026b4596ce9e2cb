"""One addition's journey on real parts: gRPC, a Kafka transaction, the fsynced ledger, REST.

One stack serves all tests of this module. What each test did is in one history, and the last test holds all of it
against the oracle.
"""

import csv
import hashlib
import io
import json
import random
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from decimal import Context, Decimal, localcontext
from typing import Any

import fastavro
import pyarrow.parquet
import pytest

from oracle.facts import TopicRecord
from oracle.history import Call, History, Outcome
from oracle.reading import rest_total
from stack import Stack
from tally.client.outcomes import Addition
from tally.event.decimals import text_of
from tests_support import planting, rest
from tests_support.consumer import foreign
from tests_support.producer.callers import Caller, error_info, new_pair
from tests_support.running.live import examine_live, live_stack, system_of
from tests_support.waiting import eventually

pytestmark = [pytest.mark.broker, pytest.mark.slow]

SEEN_S = 20.0
EXACT = Context(prec=60)
"""Sums have up to 38 digits; the default context would round them to 28."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with live_stack(tmp_path_factory.mktemp("journey")) as live:
        yield live


@pytest.fixture(scope="module")
def history() -> History:
    return History()


@pytest.fixture
def caller(stack: Stack, history: History) -> Iterator[Caller]:
    caller = Caller(stack.grpc_target, history)
    yield caller
    caller.close()


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.node.name)


def counted(stack: Stack, call: Call) -> dict[str, Any]:
    """Return GET /v1/requests/{id} once the answered position is in the ledger."""
    url = f"{stack.rest_url}/v1/total?min_position={call.partition}:{call.offset}&wait_ms=20000"
    assert rest.get(url).status == 200
    answer = rest.get(f"{stack.rest_url}/v1/requests/{call.request_id}")
    assert answer.status == 200, answer.content
    body = answer.body
    assert isinstance(body, dict)
    return body


def test_an_addition_is_answered_and_then_seen_in_the_total(stack: Stack, caller: Caller) -> None:
    """An acknowledged addition moves the count by one and the total by its sum."""
    before = rest_total(system_of(stack))
    call = caller.settle(Addition(request_id=str(uuid.uuid4()), a="2", b="40.5"), 30)
    assert (call.status, call.sum, call.duplicate) == ("OK", "42.5", False)
    counted(stack, call)
    after = rest_total(system_of(stack))
    assert after["count"] == before["count"] + 1
    assert EXACT.subtract(Decimal(after["total"]), Decimal(before["total"])) == Decimal("42.5")
    assert after["complete"] is True


def test_a_read_with_min_position_sees_ones_own_write_at_once(stack: Stack, caller: Caller, rng: random.Random) -> None:
    """A read that names the acknowledged position always covers it."""
    for _ in range(20):
        call = caller.add(new_pair(rng))
        answer = rest.get(f"{stack.rest_url}/v1/total?min_position={call.partition}:{call.offset}&wait_ms=20000")
        assert answer.status == 200
        shown = {part["partition"]: part["next_offset"] for part in answer.body["partitions"]}
        assert shown[call.partition] > call.offset


def test_who_follows_the_events_sees_the_total_move(stack: Stack, caller: Caller, rng: random.Random) -> None:
    """A reader of the events gets the new count after an addition."""
    with urllib.request.urlopen(f"{stack.rest_url}/v1/events", timeout=SEEN_S) as answer:
        totals = (json.loads(line.removeprefix(b"data: ")) for line in answer if line.startswith(b"data: "))
        before = next(totals)["count"]
        caller.add(new_pair(rng))
        assert next(totals)["count"] == before + 1


def test_the_same_id_again_is_answered_with_the_first_position(caller: Caller, rng: random.Random) -> None:
    """A repeated id is answered as a duplicate with the first answer's sum and position."""
    pair = new_pair(rng)
    first, second = caller.add(pair), caller.add(pair)
    assert not first.duplicate
    assert second.duplicate
    assert (second.sum, second.partition, second.offset) == (first.sum, first.partition, first.offset)


def test_the_same_number_written_otherwise_is_the_same_addition(caller: Caller) -> None:
    """Equal numbers in another spelling, and an id in upper case, are a repetition."""
    request_id = str(uuid.uuid4())
    assert caller.add(Addition(request_id=request_id, a="2", b="-0.50")).sum == "1.5"
    assert caller.add(Addition(request_id=request_id.upper(), a="2.0", b="-0.5")).duplicate


def test_the_same_id_with_other_operands_is_refused(caller: Caller, rng: random.Random) -> None:
    """Other operands under a known id are refused with ALREADY_EXISTS."""
    pair = new_pair(rng)
    caller.add(pair)
    call = caller.add(Addition(request_id=pair.request_id, a=pair.a, b="1"))
    assert (call.status, call.outcome) == ("ALREADY_EXISTS", Outcome.FAIL)


@pytest.mark.parametrize(
    ("request_id", "a", "b", "status"),
    [
        ("not-a-uuid", "1", "1", "INVALID_ARGUMENT"),
        (str(uuid.UUID(int=1)), "1e3", "1", "INVALID_ARGUMENT"),
        (str(uuid.UUID(int=2)), "1", "0.0000000001", "INVALID_ARGUMENT"),
        (str(uuid.UUID(int=3)), "1", "", "INVALID_ARGUMENT"),
        (str(uuid.UUID(int=4)), "9" * 29, "1", "OUT_OF_RANGE"),
    ],
)
def test_what_is_not_a_number_of_the_contract_is_refused_and_never_rounded(
    caller: Caller, request_id: str, a: str, b: str, status: str
) -> None:
    """An invalid id, operand or sum is refused with its status and is never rounded to fit."""
    call = caller.add(Addition(request_id=request_id, a=a, b=b))
    assert (call.status, call.outcome) == (status, Outcome.FAIL)


def test_a_batch_answers_each_addition_in_order(stack: Stack, caller: Caller, rng: random.Random) -> None:
    """A batch is answered in its order, with a bad addition refused and a repeated one a duplicate."""
    good = [new_pair(rng) for _ in range(300)]
    bad = Addition(request_id="nonsense", a="1", b="1")
    calls = caller.add_batch([*good[:150], bad, *good[150:], good[0]])
    assert [call.request_id for call in calls[:150]] == [pair.request_id for pair in good[:150]]
    assert calls[150].status == "INVALID_ARGUMENT"
    assert calls[-1].duplicate
    assert all(call.outcome is Outcome.OK for n, call in enumerate(calls) if n != 150)
    for call, pair in zip(calls[:5], good, strict=False):
        assert counted(stack, call)["sum"] == text_of(pair.sum)


def test_columns_are_counted_row_by_row(stack: Stack, caller: Caller, rng: random.Random) -> None:
    """Each row of columns is counted with its sum, long and negative numbers too, and a repeated one is a duplicate."""
    good = [new_pair(rng) for _ in range(300)]
    calls = caller.add_columns([*good, good[0]])
    assert {call.outcome for call in calls} == {Outcome.OK}
    assert [call.duplicate for call in calls] == [False] * 300 + [True]
    for call, pair in zip(calls[:5], good, strict=False):
        assert call.sum == counted(stack, call)["sum"] == text_of(pair.sum)


def test_the_longest_numbers_of_the_contract_stay_exact(stack: Stack, caller: Caller) -> None:
    """Operands with 38 digits are added and stored without losing the last one."""
    a, b = "9" * 29 + "." + "9" * 9, "-" + "9" * 29 + "." + "9" * 8 + "8"
    call = caller.add(Addition(request_id=str(uuid.uuid4()), a=a, b=b))
    assert call.sum == "0.000000001"
    assert counted(stack, call)["a"] == a


def test_an_unknown_request_id_is_not_found(stack: Stack) -> None:
    """A look-up of an id that was never added is answered with 404."""
    assert rest.get(f"{stack.rest_url}/v1/requests/{uuid.uuid4()}").status == 404


def test_entries_page_through_the_ledger_in_offset_order(stack: Stack, caller: Caller, rng: random.Random) -> None:
    """Paging through a partition's entries gives each offset once, in order, with the new one among them."""
    call = caller.add_batch([new_pair(rng) for _ in range(100)])[-1]
    counted(stack, call)
    offsets: list[int] = []
    after = ""
    for _ in range(100):
        url = f"{stack.rest_url}/v1/entries?partition={call.partition}&limit=3{after}"
        page = rest.get(url).body
        offsets += [entry["offset"] for entry in page["entries"]]
        if len(page["entries"]) < 3:
            break
        after = f"&after={offsets[-1]}"
    assert offsets == sorted(set(offsets))
    assert call.offset in offsets


def finished_job(stack: Stack, path: str, order: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Return a finished export or audit, as REST describes it, and its file."""
    asked = rest.call("POST", f"{stack.rest_url}{path}", order)
    assert asked.status == 202, asked.content
    url = stack.rest_url + asked.headers["location"]

    def finished() -> Any:
        body = rest.get(url).body
        return body if body["state"] in ("DONE", "FAILED") else None

    job = eventually(finished, SEEN_S, "the job is finished")
    file = rest.get(f"{url}/file").content
    assert hashlib.sha256(file).hexdigest() == job["sha256"]
    return job, file


READERS: dict[str, Callable[[bytes], list[Any]]] = {
    "csv": lambda file: list(csv.DictReader(io.StringIO(file.decode()))),
    "parquet": lambda file: pyarrow.parquet.read_table(io.BytesIO(file)).to_pylist(),
    "avro": lambda file: list(fastavro.reader(io.BytesIO(file))),
}


@pytest.mark.parametrize("form", READERS)
def test_an_export_holds_what_the_ledger_holds(stack: Stack, caller: Caller, rng: random.Random, form: str) -> None:
    """An export in each format has the acknowledged sums, and its total is that of REST."""
    calls = caller.add_batch([new_pair(rng) for _ in range(50)])
    for call in calls:
        counted(stack, call)
    export, file = finished_job(stack, "/v1/exports", {"format": form})
    rows = READERS[form](file)
    assert len(rows) == export["rows"]
    sums = {row["request_id"]: Decimal(row["sum"]) for row in rows if row["kind"] == "COUNTED"}
    assert {call.request_id: Decimal(call.sum or "nothing") for call in calls}.items() <= sums.items()
    total = rest_total(system_of(stack))
    with localcontext(EXACT):
        assert sum(sums.values()) == Decimal(total["total"])


def test_an_audit_of_a_running_consumer_finds_its_ledgers_good(
    stack: Stack, caller: Caller, rng: random.Random
) -> None:
    """An audit while the consumer runs finds no problem, and the count and total of REST."""
    counted(stack, caller.add(new_pair(rng)))
    total = rest_total(system_of(stack))
    audit, report = finished_job(stack, "/v1/audits", {})
    assert (audit["ok"], audit["problems"]) == (True, 0)
    assert (audit["counted"], audit["total"]) == (total["count"], total["total"])
    assert [ledger["partition"] for ledger in json.loads(report)["ledgers"]] == list(range(12))


def test_poison_is_put_aside_once_and_what_follows_is_counted(stack: Stack, caller: Caller, rng: random.Random) -> None:
    """Seven bad records of another writer become poison, and the next addition there is counted."""
    system = system_of(stack)
    known = foreign.schema_id_of(system)
    request_id = planting.id_in(3)
    body = planting.value_of(request_id, "1", "1")[5:]
    frame = b"\x00" + known.to_bytes(4, "big")
    wrong_sum = frame + planting.value_of(request_id, "1", "1", "3")[5:]
    strange = b"\x00" + (2**31 - 1).to_bytes(4, "big")
    before = rest_total(system)["poison"]
    foreign.write(
        system,
        [
            TopicRecord(partition=3, offset=0, key=key, value=value)
            for key, value in [
                (b"key", b"garbage"),
                (None, None),
                (request_id.bytes, frame + body[:-1]),
                (request_id.bytes, wrong_sum),
                (b"another key of 16", frame + body),
                (request_id.bytes, strange + body),
            ]
        ]
        + [TopicRecord(partition=4, offset=0, key=request_id.bytes, value=frame + body)],
    )
    eventually(lambda: rest_total(system)["poison"] == before + 7, 30, "all poison is a verdict")
    call = next(call for call in (caller.add(new_pair(rng)) for _ in range(1000)) if call.partition in (3, 4))
    assert counted(stack, call)["sum"]


def test_a_foreign_writer_cannot_count_an_id_twice(stack: Stack, caller: Caller, rng: random.Random) -> None:
    """A second record of an id with the same operands is a DUPLICATE row, with other operands a CONFLICT row."""
    system = system_of(stack)
    pair = new_pair(rng)
    call = caller.add(pair)
    request_id = uuid.UUID(pair.request_id)
    frame = b"\x00" + foreign.schema_id_of(system).to_bytes(4, "big")
    before = rest_total(system)
    offsets = foreign.write(
        system,
        [
            TopicRecord(partition=call.partition, offset=0, key=request_id.bytes, value=frame + value[5:])
            for value in (
                planting.value_of(request_id, pair.a, pair.b),
                planting.value_of(request_id, pair.a, "123"),
            )
        ],
    )
    url = f"{stack.rest_url}/v1/total?min_position={call.partition}:{offsets[-1]}&wait_ms=20000"
    after = rest.get(url).body
    changes = {name: after[name] - before[name] for name in ("count", "duplicates", "conflicts")}
    assert changes["duplicates"] == 1
    assert changes["conflicts"] == 1
    assert Decimal(counted(stack, call)["sum"]) == Decimal(call.sum)


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    """Starting a stack that runs starts no part and restarts none."""
    parts = stack.running()
    before = {part: stack.pid(part) for part in parts}
    assert stack.up() == []
    assert {part: stack.pid(part) for part in parts} == before


def test_a_restarted_consumer_goes_on_where_it_was(stack: Stack, caller: Caller, rng: random.Random) -> None:
    """A stopped consumer ends its event streams; restarted, it counts what came meanwhile once each."""
    before = rest_total(system_of(stack))
    with urllib.request.urlopen(f"{stack.rest_url}/v1/events", timeout=SEEN_S) as follower:
        assert b"total" in follower.read(100)
        stack.stop("consumer")
        assert b'event: end\r\ndata: {"reason":"stopping"}' in follower.read()
    calls = [caller.add(new_pair(rng)) for _ in range(20)]
    stack.start("consumer")
    stack.wait_ready("consumer")
    for call in calls:
        counted(stack, call)
    after = rest_total(system_of(stack))
    assert after["count"] == before["count"] + 20


def test_a_restarted_producer_still_knows_the_ids(stack: Stack, caller: Caller, rng: random.Random) -> None:
    """A restarted producer answers a repeated id with its sum, and other operands never count twice."""
    pair = new_pair(rng)
    first = caller.add(pair)
    stack.stop("producer")
    stack.start("producer")
    stack.wait_ready("producer")
    again = caller.settle(pair, 30)
    assert (again.outcome, again.sum) == (Outcome.OK, first.sum)
    other = caller.settle(Addition(request_id=pair.request_id, a=pair.a, b="5"), 30)
    assert other.status in ("ALREADY_EXISTS", "OK")
    if other.outcome is Outcome.OK:
        counted(stack, other)


def test_a_refusal_tells_machines_why_and_what_is_known(stack: Stack) -> None:
    """A refusal carries a reason for programs, and that nothing was committed."""
    import grpc

    from tests_support.producer.callers import status_of

    with grpc.insecure_channel(stack.grpc_target) as channel:
        call: Any = channel.unary_unary("/tally.v1.TallyService/Add")
        with pytest.raises(grpc.RpcError) as raised:
            call(b"", timeout=10)
    info = error_info(status_of(raised.value))
    assert info.reason
    assert info.metadata["outcome"] == "not-committed"


def test_the_oracle_finds_nothing_wrong_at_the_end(stack: Stack, history: History) -> None:
    """After all tests of this file every invariant holds, with the planted poison counted."""
    report = examine_live(stack, history)
    assert report.poison == 7
    assert report.conflicts >= 1
    assert report.duplicates >= 1
