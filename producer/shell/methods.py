"""The methods of the service, and the table that every server serves: they know the contract's messages, not gRPC.

A new RPC costs its lines in the contract, a method, and a row in `TallyMethods.rpcs`: health, reflection, metrics,
traces and typed refusals follow from the row.
"""

import asyncio
import time
from collections.abc import Iterator, Sequence

import numpy as np

from producer.core import columns as columnar
from producer.core import refusals
from producer.core.addition import Addition, validate
from producer.core.addition_columns import validate_all
from producer.core.call_queue import Part
from producer.core.calls import Call, Result
from producer.core.ports import Incoming, Methods, Rpc, deadline_s
from producer.core.refusals import Refusal
from producer.core.wire import exceeds
from producer.shell.async_call_queue import AsyncCallQueue
from producer.shell.responses import BatchAnswer, columns_answer, fill
from tally.base.uuid_text import uuid_text
from tally.event.partitions import partition_column, partition_of
from tally.generated.tally.v1 import tally_pb2, tally_rules

_UNARY_BYTES = 128
"""What a call of Add is assumed to hold: three short texts and the objects around them."""
_SLICE = 250
"""Additions that are checked or answered in one turn of the event loop, of all batches: about a millisecond.

All columns of a call together take as long.
"""
_DETAILS_MAX = 100
"""Refusals of one batch that say which fields are wrong and why; finding that out costs several times the check."""


SERVICE_NAME = tally_pb2.DESCRIPTOR.services_by_name["TallyService"].full_name


class TallyMethods:
    """The methods of TallyService."""

    def __init__(self, queue: AsyncCallQueue, topic: str, partitions: int, additions_max: int) -> None:
        self._queue = queue
        self._topic = topic
        self._partitions = partitions
        self._additions_max = additions_max
        # So that many batches or columns at once keep a single addition waiting no longer than one does.
        self._slice = asyncio.Lock()

    def rpcs(self) -> Methods:
        """Return the table: a row for each RPC."""
        return (
            Rpc(SERVICE_NAME, "Add", tally_pb2.AddRequest, self.add, lambda request: (request.request_id,)),
            Rpc(
                SERVICE_NAME,
                "AddBatch",
                tally_pb2.AddBatchRequest,
                self.add_batch,
                _ids_of_batch,
                self.too_many_additions,
            ),
            Rpc(SERVICE_NAME, "AddColumns", tally_pb2.AddColumnsRequest, self.add_columns, _ids_of_columns),
        )

    async def add(self, incoming: Incoming[tally_pb2.AddRequest]) -> tally_pb2.AddResponse | Refusal:
        """Add one pair of numbers."""
        request = incoming.request
        addition = validate(request.request_id, request.a, request.b)
        if isinstance(addition, Refusal):
            return addition
        partition = partition_of(addition.request_id, self._partitions)
        until_s = deadline_s(time.monotonic(), incoming.remaining_s)
        result = await self._queue.one(addition, partition, until_s, _UNARY_BYTES)
        if isinstance(result, Refusal):
            return result
        response = tally_pb2.AddResponse()
        fill(response, addition, result, self._topic)
        return response

    def too_many_additions(self, request: bytes) -> Refusal | None:
        """Refuse a batch by its bytes: two of them are an addition that takes a hundred once it is parsed."""
        if exceeds(request, tally_pb2.AddBatchRequest.ADDITIONS_FIELD_NUMBER, self._additions_max):
            return refusals.batch_too_large(self._additions_max)
        return None

    async def add_batch(self, incoming: Incoming[tally_pb2.AddBatchRequest]) -> tally_pb2.AddBatchResponse | Refusal:
        """Add many pairs of numbers; each has a result of its own."""
        until_s = deadline_s(time.monotonic(), incoming.remaining_s)
        requests = incoming.request.additions
        if len(requests) > self._additions_max:  # a server may not have asked before
            return refusals.batch_too_large(self._additions_max)
        broken = tally_rules.add_batch_request_fields(requests)
        if broken:
            return refusals.invalid_fields(broken)
        checked = await self._checked(requests)
        results: list[Result | None] = [each if isinstance(each, Refusal) else None for each in checked]
        places = [place for place, each in enumerate(results) if each is None]
        additions = [each for each in checked if isinstance(each, Addition)]
        if additions:
            call = Call(results, until_s, incoming.request.ByteSize())
            refusal = await self._queue.many(call, places, additions, _partitions_of(additions, self._partitions))
            if refusal is not None:
                return refusal
        answer = BatchAnswer(self._topic)
        for some in _slices(len(results)):
            async with self._slice:
                answer.add(checked[some], results[some])
                await asyncio.sleep(0)
        return answer.message()

    async def add_columns(
        self, incoming: Incoming[tally_pb2.AddColumnsRequest]
    ) -> tally_pb2.AddColumnsResponse | Refusal:
        """Add many pairs of numbers that come as columns; each row has a result of its own."""
        until_s = deadline_s(time.monotonic(), incoming.remaining_s)
        request = incoming.request
        ids, a, b = request.request_ids, request.a, request.b
        if max(len(ids), len(a), len(b)) > columnar.VALUE_BYTES * self._additions_max:
            return refusals.batch_too_large(self._additions_max, "request_ids", "bytes.max_len")
        broken = tally_rules.add_columns_request_fields(ids, a, b)
        if broken:
            return refusals.invalid_fields(broken)
        misshapen = columnar.misshapen(ids, a, b)
        if misshapen is not None:
            return misshapen
        async with self._slice:
            columns, valid, refused = columnar.read(ids, a, b)
            partitions = columns.partitions(self._partitions)
            await asyncio.sleep(0)
        results: list[Result | None] = [*refused]
        parts = [Part(rows, None) for rows in refused.values()]
        if len(valid):
            call = Call(results, until_s, request.ByteSize())
            joined = await self._queue.columns(call, columns.rows(valid), partitions[valid])
            if isinstance(joined, Refusal):
                return joined
            parts += [part.of(valid) for part in joined] if refused else joined
        async with self._slice:
            answer = columns_answer(self._topic, columns, partitions, parts, results)
            await asyncio.sleep(0)
        return answer

    async def _checked(self, requests: Sequence[tally_pb2.AddRequest]) -> list[Addition | Refusal]:
        checked: list[Addition | Refusal] = []
        details_left = _DETAILS_MAX
        for some in _slices(len(requests)):
            async with self._slice:
                texts = [(request.request_id, request.a, request.b) for request in requests[some]]
                request_ids, a, b = zip(*texts, strict=True)
                found = validate_all(request_ids, a, b, details_left)
                details_left -= sum(isinstance(each, Refusal) for each in found)
                checked += found
                await asyncio.sleep(0)
        return checked


def _ids_of_columns(request: tally_pb2.AddColumnsRequest) -> Iterator[str]:
    ids = request.request_ids
    whole = len(ids) - len(ids) % columnar.VALUE_BYTES
    return (uuid_text(ids[at : at + columnar.VALUE_BYTES]) for at in range(0, whole, columnar.VALUE_BYTES))


def _ids_of_batch(request: tally_pb2.AddBatchRequest) -> Iterator[str]:
    return (addition.request_id for addition in request.additions)


def _slices(length: int) -> Iterator[slice]:
    return (slice(at, at + _SLICE) for at in range(0, length, _SLICE))


def _partitions_of(additions: list[Addition], partitions: int) -> list[int]:
    """Return the partition of each id. Columns take a hundredth of the time of one id after another."""
    halves = np.frombuffer(b"".join(addition.request_id for addition in additions), dtype=">u8").reshape(-1, 2)
    column = partition_column(halves[:, 0].astype(np.uint64), halves[:, 1].astype(np.uint64), partitions)
    found: list[int] = column.tolist()
    return found
