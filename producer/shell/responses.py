"""The answers as the contract's messages.

The answer to a batch is written in Protobuf's wire format, field by field, and then parsed by the library. That takes
two thirds of the time of filling a thousand messages one by one. A test proves it equal to what `fill` makes.
"""

from collections.abc import Sequence
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from producer.core.addition import Addition
from producer.core.call_queue import Part
from producer.core.calls import Placed, Result
from producer.core.columns import Columns
from producer.core.refusals import Code, Outcome, Reason, Refusal, brief
from producer.core.wire_format import LENGTH, NUMBER, field, tag_of, varint
from producer.shell.rpc_status import status_bytes
from tally.event.decimals import text_of
from tally.generated.tally.v1 import tally_pb2


def fill(into: tally_pb2.AddResponse, addition: Addition, placed: Placed, topic: str) -> None:
    """Fill in the answer to a committed addition."""
    into.request_id = addition.request_id_text
    into.sum = addition.sum_text
    into.duplicate = placed.duplicate
    position = into.position
    position.topic = topic
    position.partition = placed.partition
    position.offset = placed.offset


def columns_answer(
    topic: str,
    columns: Columns,
    partitions: NDArray[np.int64],
    parts: Sequence[Part],
    results: Sequence[Result | None],
) -> tally_pb2.AddColumnsResponse:
    """Return the answer to columns; ``results`` has one for each part, and every row is in one part."""
    offsets = np.full(len(columns), -1, np.int64)
    duplicates: list[int] = []
    refused: dict[Refusal, list[int]] = {}
    for part, result in zip(parts, results, strict=True):
        assert result is not None, "a settled call has all its results"
        if isinstance(result, Refusal):
            told = result if result in refused or len(refused) < _REFUSALS_MAX else brief(result)
            refused.setdefault(told, []).extend(map(int, part.rows))
        elif part.block is not None:
            offsets[part.rows] = part.block.offsets
        else:
            (row,) = part.rows
            offsets[row] = result.offset
            if result.duplicate:
                duplicates.append(row)
    answer = tally_pb2.AddColumnsResponse(
        sums=np.where((offsets >= 0)[:, np.newaxis], columns.total, 0).astype(np.uint8).tobytes(),
        topic=topic,
        partitions=partitions.tolist(),
        offsets=offsets.tolist(),
        duplicates=sorted(duplicates),
    )
    for refusal, which in refused.items():
        answer.refused.add(rows=sorted(which)).status.ParseFromString(status_bytes(refusal))
    return answer


class BatchAnswer:
    """The answer to a batch, put together in slices so that other calls have their turns in between.

    Equal refusals are encoded once. After ``DETAILS_BYTES_MAX`` of them the rest are brief: code, reason and outcome.
    So an answer that is all refusals is not much larger than one of results, whatever the request was.
    """

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._pieces: list[str] = []
        self._whole: dict[Refusal, str] = {}
        self._brief: dict[tuple[Code, Reason, Outcome], str] = {}
        self._details_bytes = 0

    def add(self, checked: Sequence[Addition | Refusal], results: Sequence[Result | None]) -> None:
        """Add a slice, in the request's order; none of the ``results`` is None."""
        additions = [each for each in checked if isinstance(each, Addition)]
        each_addition = zip(additions, _id_texts([each.request_id for each in additions]), strict=True)
        for valid, result in zip(checked, results, strict=True):
            if not isinstance(valid, Refusal):
                addition, request_id = next(each_addition)
                if isinstance(result, Placed):
                    text = text_of(addition.a + addition.b)
                    self._pieces.append(_committed(request_id, text, result, self._topic))
                    continue
            assert isinstance(result, Refusal), "a settled call has all its results"
            self._pieces.append(self._refused(result))

    def message(self) -> tally_pb2.AddBatchResponse:
        """Return the whole answer."""
        return tally_pb2.AddBatchResponse.FromString("".join(self._pieces).encode(_BYTES))

    def _refused(self, refusal: Refusal) -> str:
        if self._details_bytes < DETAILS_BYTES_MAX:
            piece = self._whole.get(refusal)
            if piece is None:
                piece = self._whole[refusal] = _refused(refusal)
            self._details_bytes += len(piece)
            return piece
        kind = (refusal.code, refusal.reason, refusal.outcome)
        piece = self._brief.get(kind)
        if piece is None:
            piece = self._brief[kind] = _refused(brief(refusal))
        return piece


def _refused(refusal: Refusal) -> str:
    """Return a result in wire format."""
    return field(_RESULT_TAG, field(_STATUS_TAG, status_bytes(refusal))).decode(_BYTES)


def _committed(request_id: str, total: str, placed: Placed, topic: str) -> str:
    """Return one result in wire format. Fields with the value 0 are left out, as the format says."""
    offset = placed.offset
    place = _head_of_position(topic, placed.partition)
    if offset >= 0x80:  # neighbours differ only in the low seven bits, so the cache has the rest
        place = f"{place}{_OFFSET}{_CONTINUED[offset & 0x7F]}{_varint(offset >> 7)}"
    elif offset:
        place = f"{place}{_OFFSET}{_varint(offset)}"
    duplicate = _DUPLICATE if placed.duplicate else ""
    response = (
        f"{_REQUEST_ID}{request_id}{_SUM}{_varint(len(total))}{total}{duplicate}{_POSITION}{_varint(len(place))}{place}"
    )
    size = _varint(len(response))
    return f"{_RESULT}{_varint(len(_OK_AND_RESPONSE) + len(size) + len(response))}{_OK_AND_RESPONSE}{size}{response}"


@lru_cache(maxsize=64)  # one for each partition
def _head_of_position(topic: str, partition: int) -> str:
    name = topic.encode().decode(_BYTES)
    head = f"{_tag(tally_pb2.Position.TOPIC_FIELD_NUMBER, LENGTH)}{_varint(len(name))}{name}"
    if not partition:
        return head
    return f"{head}{_tag(tally_pb2.Position.PARTITION_FIELD_NUMBER, NUMBER)}{_varint(partition)}"


def _id_texts(request_ids: Sequence[bytes]) -> list[str]:
    """Return the canonical text of each id, all made at once."""
    texts = np.full((len(request_ids), _ID_LENGTH), ord("-"), np.uint8)
    texts[:, _HEX_PLACES] = np.frombuffer(b"".join(request_ids).hex().encode(), np.uint8).reshape(-1, 32)
    joined = texts.tobytes().decode("ascii")
    return [joined[at : at + _ID_LENGTH] for at in range(0, len(joined), _ID_LENGTH)]


@lru_cache(maxsize=4096)
def _varint(value: int) -> str:
    return varint(value).decode(_BYTES)


def _tag(number: int, wire_type: int) -> str:
    return tag_of(number, wire_type).decode(_BYTES)


DETAILS_BYTES_MAX: Final = 64 * 1024
"""For refusals with all details in one answer: some hundreds of them, more than anybody reads."""
_REFUSALS_MAX: Final = 100
"""In one answer to columns, with all details: there are a few kinds, and a text for each transaction that failed."""
_BYTES: Final = "latin-1"
"""Bytes are put together as text, one character a byte: nothing joins many short pieces faster."""
_ID_LENGTH: Final = 36
_HEX_PLACES: Final = np.array([place for place in range(_ID_LENGTH) if place not in (8, 13, 18, 23)])
_CONTINUED: Final = [chr(low | 0x80) for low in range(0x80)]
_RESULT_TAG: Final = tag_of(tally_pb2.AddBatchResponse.RESULTS_FIELD_NUMBER, LENGTH)
_STATUS_TAG: Final = tag_of(tally_pb2.AddResult.STATUS_FIELD_NUMBER, LENGTH)
_RESULT: Final = _RESULT_TAG.decode(_BYTES)
_OK_AND_RESPONSE: Final = (
    _STATUS_TAG.decode(_BYTES)
    + _varint(0)  # a status of the code 0 is an empty message
    + _tag(tally_pb2.AddResult.RESPONSE_FIELD_NUMBER, LENGTH)
)
_REQUEST_ID: Final = _tag(tally_pb2.AddResponse.REQUEST_ID_FIELD_NUMBER, LENGTH) + _varint(_ID_LENGTH)
_SUM: Final = _tag(tally_pb2.AddResponse.SUM_FIELD_NUMBER, LENGTH)
_DUPLICATE: Final = _tag(tally_pb2.AddResponse.DUPLICATE_FIELD_NUMBER, NUMBER) + _varint(1)
_POSITION: Final = _tag(tally_pb2.AddResponse.POSITION_FIELD_NUMBER, LENGTH)
_OFFSET: Final = _tag(tally_pb2.Position.OFFSET_FIELD_NUMBER, NUMBER)
