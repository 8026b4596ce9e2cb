"""Kafka's protocol as far as a proxy must read it: where a frame ends, which request it is, which answer belongs to it.

A frame is four bytes of length, big-endian, and so many bytes. A request's begin with the key of its API (int16), the
version (int16) and a correlation id (int32); an answer's begin with the correlation id of its request.
Source: https://kafka.apache.org/protocol.html
"""

import struct
from dataclasses import dataclass
from typing import Final

LENGTH_BYTES: Final = 4
FRAME_BYTES_MAX: Final = 100 * 1024 * 1024
"""As a broker's socket.request.max.bytes; more is not Kafka's protocol."""

APIS: Final = {
    0: "Produce",
    1: "Fetch",
    2: "ListOffsets",
    3: "Metadata",
    8: "OffsetCommit",
    9: "OffsetFetch",
    10: "FindCoordinator",
    11: "JoinGroup",
    12: "Heartbeat",
    13: "LeaveGroup",
    14: "SyncGroup",
    18: "ApiVersions",
    22: "InitProducerId",
    24: "AddPartitionsToTxn",
    25: "AddOffsetsToTxn",
    26: "EndTxn",
    28: "TxnOffsetCommit",
    32: "DescribeConfigs",
    68: "ConsumerGroupHeartbeat",
    75: "DescribeTopicPartitions",
}
"""The APIs that Tally's clients use, by key."""


class NotKafkaError(ValueError):
    """The bytes are not frames of Kafka's protocol."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A whole frame with its length in front, and the API that it is a request or an answer of."""

    raw: bytes
    api: str
    correlation_id: int


class Splitter:
    """Cuts a stream of bytes into frames, wherever the reads happened to end."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Return the frames that are whole by now, their lengths included. Raises NotKafkaError."""
        rest = self._rest + data
        frames = []
        while len(rest) >= LENGTH_BYTES:
            (length,) = struct.unpack_from(">i", rest)
            if not 0 < length <= FRAME_BYTES_MAX:
                raise NotKafkaError(f"a frame of {length} bytes; allowed are 1 to {FRAME_BYTES_MAX}")
            if len(rest) < LENGTH_BYTES + length:
                break
            frames.append(rest[: LENGTH_BYTES + length])
            rest = rest[LENGTH_BYTES + length :]
        self._rest = rest
        return frames


class Conversation:
    """The frames of one connection: gives each its API, answers by the request that they belong to."""

    def __init__(self) -> None:
        """Nothing was said yet."""
        self._requests, self._answers = Splitter(), Splitter()
        self._asked: dict[int, str] = {}

    def requests(self, data: bytes) -> list[Frame]:
        """Return the requests that are whole with these bytes from the client. Raises NotKafkaError."""
        return [self._request(raw) for raw in self._requests.feed(data)]

    def answers(self, data: bytes) -> list[Frame]:
        """Return the answers that are whole with these bytes from the broker. Raises NotKafkaError."""
        return [self._answer(raw) for raw in self._answers.feed(data)]

    def _request(self, raw: bytes) -> Frame:
        if len(raw) < LENGTH_BYTES + 8:
            raise NotKafkaError(f"a request of {len(raw)} bytes has no header")
        key, _, correlation_id = struct.unpack_from(">hhi", raw, LENGTH_BYTES)
        api = APIS.get(key, f"api-{key}")
        self._asked[correlation_id] = api
        return Frame(raw, api, correlation_id)

    def _answer(self, raw: bytes) -> Frame:
        if len(raw) < LENGTH_BYTES + 4:
            raise NotKafkaError(f"an answer of {len(raw)} bytes has no correlation id")
        (correlation_id,) = struct.unpack_from(">i", raw, LENGTH_BYTES)
        api = self._asked.pop(correlation_id, None)
        if api is None:
            raise NotKafkaError(f"an answer to request {correlation_id}, which was never sent")
        return Frame(raw, api, correlation_id)
