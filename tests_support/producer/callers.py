"""Callers as a test needs them: each try is logged with its outcome, and an id is tried again until it is settled.

They speak gRPC themselves instead of through the client library, since the library hides single tries, and a history
without them proves little.
"""

import random
import threading
import time
from collections.abc import Sequence
from typing import Any

import grpc
from google.rpc import code_pb2, error_details_pb2, status_pb2

from loadtests.traffic.additions import TAG_BYTES, Draw, DrawnAddition, contradiction_of
from loadtests.traffic.columns import columns_request_of
from oracle.history import Call, History, Outcome
from tally.client.columns import number_text
from tally.client.outcomes import Addition
from tally.client.transport import batch_request_of, request_of
from tally.generated.tally.v1 import tally_pb2
from tests_support.producer.blocking_stub import blocking_stub
from tests_support.waiting import pause

OPTIONS = [
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 200),
]
PACE_S = 0.02
"""The mean pause of a caller of a crowd between two turns."""
FINAL = {"INVALID_ARGUMENT", "OUT_OF_RANGE", "ALREADY_EXISTS"}
"""Statuses after which the same call would be answered the same."""


def draw_of(rng: random.Random) -> Draw:
    """Return what draws additions, under a tag of its own."""
    return Draw(rng.randbytes(TAG_BYTES), rng)


def new_pair(rng: random.Random) -> DrawnAddition:
    """Return an addition with an id and operands of its own, some of them long, some negative."""
    return draw_of(rng).next()


class Caller:
    """One caller on one channel; every method logs what it did."""

    def __init__(self, target: str, history: History, deadline_s: float = 10.0) -> None:
        """Open a channel, lazily; ``deadline_s`` is what each call is given."""
        self._history = history
        self._deadline_s = deadline_s
        self._channel = grpc.insecure_channel(target, options=OPTIONS)
        self._stub = blocking_stub(self._channel)

    def add(self, pair: Addition) -> Call:
        """Try an addition once and return what the caller was told."""
        started_s = time.monotonic()
        try:
            response = self._stub.Add(request_of(pair), timeout=self._deadline_s)
        except grpc.RpcError as error:
            return self._log(pair, status_of(error), None, started_s)
        return self._log(pair, status_pb2.Status(), response, started_s)

    def add_batch(self, pairs: Sequence[Addition]) -> list[Call]:
        """Try many additions in one call and return what the caller was told of each."""
        started_s = time.monotonic()
        request = batch_request_of(pairs)
        try:
            results = self._stub.AddBatch(request, timeout=self._deadline_s).results
        except grpc.RpcError as error:
            status = status_of(error)
            return [self._log(pair, status, None, started_s) for pair in pairs]
        return [
            self._log(pair, result.status, result.response, started_s)
            for pair, result in zip(pairs, results, strict=True)
        ]

    def add_columns(self, pairs: Sequence[Addition]) -> list[Call]:
        """Try many additions as columns and return what the caller was told of each."""
        started_s = time.monotonic()
        try:
            answer = self._stub.AddColumns(columns_request_of(pairs), timeout=self._deadline_s)
        except grpc.RpcError as error:
            status = status_of(error)
            return [self._log(pair, status, None, started_s) for pair in pairs]
        refused = {row: each.status for each in answer.refused for row in each.rows}
        return [
            self._log(pair, refused.get(row, status_pb2.Status()), _response_of(answer, row), started_s)
            for row, pair in enumerate(pairs)
        ]

    def settle(self, pair: Addition, give_up_s: float) -> Call:
        """Try with the same id until the answer is OK or final, or ``give_up_s`` have passed. Return the last try."""
        until_s = time.monotonic() + give_up_s
        while True:
            call = self.add(pair)
            if call.outcome is Outcome.OK or call.status in FINAL or time.monotonic() > until_s:
                return call
            pause(0.05)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()

    def _log(
        self, pair: Addition, status: status_pb2.Status, response: tally_pb2.AddResponse | None, started_s: float
    ) -> Call:
        answer = response if response is not None and status.code == 0 else tally_pb2.AddResponse()
        call = Call(
            request_id=pair.request_id,
            a=pair.a,
            b=pair.b,
            outcome=outcome_of(status),
            status=code_pb2.Code.Name(status.code),
            detail=status.message,
            sum=answer.sum,
            duplicate=answer.duplicate,
            partition=answer.position.partition,
            offset=answer.position.offset,
            started_s=started_s,
            ended_s=time.monotonic(),
            deadline_s=self._deadline_s,
        )
        self._history.record(call)
        return call


def _response_of(answer: tally_pb2.AddColumnsResponse, row: int) -> tally_pb2.AddResponse:
    """Return what Add would have answered for a row that is committed."""
    place = tally_pb2.Position(topic=answer.topic, partition=answer.partitions[row], offset=answer.offsets[row])
    total = number_text(answer.sums, row)
    return tally_pb2.AddResponse(sum=total, duplicate=row in answer.duplicates, position=place)


def status_of(error: grpc.RpcError) -> status_pb2.Status:
    """Return the status of a failed call, with its details where the server sent some."""
    call: Any = error
    for key, value in call.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            return status_pb2.Status.FromString(value)
    return status_pb2.Status(code=call.code().value[0], message=call.details() or "")


def error_info(status: status_pb2.Status) -> error_details_pb2.ErrorInfo:
    """Return the ErrorInfo among a status's details, an empty one if there is none."""
    info = error_details_pb2.ErrorInfo()
    for detail in status.details:
        if detail.Unpack(info):
            break
    return info


def outcome_of(status: status_pb2.Status) -> Outcome:
    """Return what a caller may conclude: FAIL only when the server says that nothing was committed."""
    if status.code == 0:
        return Outcome.OK
    return Outcome.FAIL if error_info(status).metadata.get("outcome") == "not-committed" else Outcome.UNKNOWN


class Crowd:
    """Callers in threads that add until told to stop; each settles what it began.

    Of 100 turns about 80 are new additions, 5 are batches of 20 and 5 the same as columns, 5 repeat an acknowledged id,
    3 use one with other operands and 2 are not numbers.
    """

    def __init__(self, target: str, history: History, *, seed: int, callers: int = 8, give_up_s: float = 60.0) -> None:
        """Describe a crowd; ``start`` begins."""
        self._stop = threading.Event()
        self._give_up_s = give_up_s
        self._failures: list[BaseException] = []
        self._threads = [
            threading.Thread(
                target=self._run,
                args=(Caller(target, history), draw_of(random.Random(seed * 1000 + number))),
                daemon=True,
            )
            for number in range(callers)
        ]

    def start(self) -> None:
        """Begin to call."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """End: every caller settles what it began. Raises what went wrong in a caller."""
        self._stop.set()
        for thread in self._threads:
            thread.join(self._give_up_s + 30)
            assert not thread.is_alive(), "a caller hangs"
        if self._failures:
            raise self._failures[0]

    def __enter__(self) -> "Crowd":
        """Start."""
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        """Stop; after a failure of the test itself, without waiting."""
        if exception[0] is None:
            self.stop()
        else:
            self._stop.set()

    def _run(self, caller: Caller, draw: Draw) -> None:
        known: list[Addition] = []
        try:
            while not self._stop.is_set():
                self._turn(caller, draw, known)
                pause(draw.rng.uniform(0.0, 2 * PACE_S))  # without it the callers alone would fill two cores
        except BaseException as error:  # noqa: BLE001 - stop() raises it in the test's thread
            self._failures.append(error)
        finally:
            caller.close()

    def _turn(self, caller: Caller, draw: Draw, known: list[Addition]) -> None:
        chance = draw.rng.random()
        if chance < 0.10:
            pairs = draw.many(20)
            calls = caller.add_batch(pairs) if chance < 0.05 else caller.add_columns(pairs)
            for pair, call in zip(pairs, calls, strict=True):
                settled = call if call.outcome is Outcome.OK else caller.settle(pair, self._give_up_s)
                _remember(pair, settled, known)
        elif chance < 0.15 and known:
            caller.settle(draw.rng.choice(known), self._give_up_s)
        elif chance < 0.18 and known:
            caller.settle(contradiction_of(draw.rng.choice(known)), self._give_up_s)
        elif chance < 0.20:
            caller.settle(draw.invalid(), self._give_up_s)
        else:
            pair = draw.next()
            _remember(pair, caller.settle(pair, self._give_up_s), known)


def _remember(pair: Addition, call: Call, known: list[Addition]) -> None:
    if call.outcome is Outcome.OK and len(known) < 1000:
        known.append(pair)
