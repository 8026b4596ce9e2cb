"""The topic during the load: reads it with read_committed and the registry's schemas, and puts poison into it.

Theory of operation. ``TopicWatch`` is a thread with one consumer that has no group's offsets and begins at the
topics' ends. A record of the run (its key bears the tag) is decoded by its writer's schema and judged; only a
count and a fingerprint of all are kept. Poison is sent on purpose and must be judged with its reason: in the ledger,
and in the dead-letter topic exactly once.
"""

import io
import json
import threading
import time
from collections import Counter
from decimal import Context, Decimal
from typing import Any, Final

import fastavro
from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from loadtests.errors import LoadError
from loadtests.target import Target, rest_client
from loadtests.traffic.additions import TAG_BYTES, Draw
from loadtests.traffic.outcomes import Digest, fingerprint_of
from tally.base.framing import FramingError, frame, unframe
from tally.event.partitions import partition_of
from tally.event.strange_fields import WHY_DANGEROUS, StrangeFields, parsed
from tally.generated.avro.sum_added import SumAdded
from tally.registry.errors import RegistryError, SchemaUnknown
from tally.registry.lookup import SchemaRegistry

TOPIC: Final = "tally.sums.v1"
DEAD_LETTERS: Final = "tally.sums.v1.dlt"
REASONS: Final = ("FRAMING", "UNDECODABLE", "WRONG_SUM", "WRONG_KEY", "WRONG_PARTITION")
_KAFKA_S: Final = 30.0
_POLL_S: Final = 0.2
_BATCH: Final = 1_000
_TOLD_MAX: Final = 5
_EXACT: Final = Context(prec=60)  # the usual 28 digits would round the contract's 38
_MASK: Final = (1 << 64) - 1

Place = tuple[int, int]  # partition, offset


class Schemas:
    """The registry's schemas by id, each asked for and parsed once."""

    def __init__(self, url: str) -> None:
        self._registry = SchemaRegistry(url)
        self._parsed: dict[int, Any] = {}

    def schema(self, schema_id: int) -> Any:
        """Return the parsed schema of an id. Raises SchemaUnknown, LoadError, ValueError, and what fastavro raises."""
        if schema_id not in self._parsed:
            schema = parsed(json.loads(self._text(schema_id)))
            if StrangeFields(schema).is_dangerous:
                raise ValueError(WHY_DANGEROUS)
            self._parsed[schema_id] = schema
        return self._parsed[schema_id]

    def id_of_sums(self) -> int:
        """Return the id under which the sums are written. Raises LoadError."""
        try:
            return self._registry.lookup(f"{TOPIC}-value", SumAdded.SCHEMA)
        except RegistryError as error:
            raise LoadError(str(error)) from error

    def decode(self, value: bytes) -> Any:
        """Return a framed record as a dict. Raises FramingError, and what ``schema`` and fastavro raise."""
        schema_id, body = unframe(value)
        return fastavro.schemaless_reader(io.BytesIO(body), self.schema(schema_id), None)

    def _text(self, schema_id: int) -> str:
        try:
            return self._registry.schema(schema_id)
        except SchemaUnknown:
            raise
        except RegistryError as error:
            raise LoadError(str(error)) from error


class TopicWatch:
    """See the module's theory of operation. ``start``, then ``finish``."""

    def __init__(self, target: Target, tag: bytes) -> None:
        self._target = target
        self._tag = tag
        self._schemas = Schemas(target.registry)
        settings = {"bootstrap.servers": target.kafka, "group.id": f"load-{tag.hex()}", "enable.auto.commit": False}
        self._consumer = Consumer({**settings, "isolation.level": "read_committed"})
        self._partitions = 0
        self._ours = 0
        self._fingerprint = 0
        self._wrong: list[str] = []
        self._dead: Counter[tuple[Place, str]] = Counter()
        self._poison: dict[Place, str] = {}
        self._error: Exception | None = None
        self._finishing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="topic-watch", daemon=True)

    def start(self) -> None:
        """Begin at the topics' present ends. Raises LoadError."""
        try:
            ends = []
            for topic in (TOPIC, DEAD_LETTERS):
                known = self._consumer.list_topics(topic, _KAFKA_S).topics[topic].partitions
                for number in known:
                    _, end = self._consumer.get_watermark_offsets(TopicPartition(topic, number), _KAFKA_S)
                    ends.append(TopicPartition(topic, number, end))
                if topic == TOPIC:
                    self._partitions = len(known)
            self._consumer.assign(ends)
        except KafkaException as error:
            raise LoadError(f"Kafka cannot be read at {self._target.kafka}: {error.args[0].str()}") from error
        self._thread.start()

    def produce_poison(self) -> None:
        """Send one record for each way to break the contract, with an id that is not the run's."""
        schema_id = self._schemas.id_of_sums()
        producer = Producer({"bootstrap.servers": self._target.kafka, "enable.idempotence": True})
        for reason in REASONS:
            key, value, partition = self._broken_record(reason, schema_id)

            def delivered(error: object, message: Message, reason: str = reason) -> None:
                if error is None:
                    self._poison[(int(message.partition() or 0), int(message.offset() or 0))] = reason

            producer.produce(TOPIC, key=key, value=value, partition=partition, on_delivery=delivered)
        if producer.flush(_KAFKA_S) or len(self._poison) != len(REASONS):
            raise LoadError(f"Kafka at {self._target.kafka} did not take the poison within {_KAFKA_S:.0f} s")

    def finish(self, digest: Digest, limit_s: float) -> dict[str, float]:
        """Read on until all that was acknowledged and every dead letter is there, or the time is up; return figures."""
        until_s = time.monotonic() + limit_s
        while time.monotonic() < until_s and self._error is None and not self._has_all(digest):
            time.sleep(_POLL_S)
        self._finishing.set()
        self._thread.join(_KAFKA_S)
        self._consumer.close()
        if self._error is not None:
            raise LoadError(f"the topic could not be read to its end: {self._error}") from self._error
        missing = max(0, digest.acked - self._ours)
        if not missing and not digest.unknown and f"{self._fingerprint:016x}" != digest.fingerprint:
            self._wrong.append("the ids in the topic are not the acknowledged ones")
        return {
            "topic_records": float(self._ours),
            "topic_missing": float(missing),
            "topic_wrong": float(len(self._wrong)),
            "poison_sent": float(len(self._poison)),
            "poison_unjudged": float(self._unjudged()),
        }

    def first_wrong(self) -> list[str]:
        """Return what is wrong with the first few records."""
        return self._wrong[:_TOLD_MAX]

    def _has_all(self, digest: Digest) -> bool:
        return self._ours >= digest.acked and len(self._dead) >= len(self._poison)

    def _unjudged(self) -> int:
        """Count the poison that REST or the dead-letter topic does not show exactly once with its reason."""
        bad = 0
        with rest_client(self._target.rest, _KAFKA_S) as rest:
            for place, reason in self._poison.items():
                partition, offset = place
                query: dict[str, str | int] = {"partition": partition, "after": str(offset - 1), "limit": 1}
                rows = rest.get("/v1/entries", params=query).json()["entries"]
                judged = [(row["offset"], row["kind"], row["reason"]) for row in rows] == [(offset, "POISON", reason)]
                bad += not (judged and self._dead[(place, reason)] == 1)
        return bad

    def _run(self) -> None:
        try:
            while not self._finishing.is_set():
                for message in self._consumer.consume(_BATCH, _POLL_S):
                    self._look(message)
        except Exception as error:  # noqa: BLE001 - finish() raises it where it is reported
            self._error = error

    def _look(self, message: Message) -> None:
        if (error := message.error()) is not None:
            raise KafkaException(error)
        if message.topic() == DEAD_LETTERS:
            self._note_dead(message)
        else:
            self._judge(message)

    def _note_dead(self, message: Message) -> None:
        """Note a dead letter; bytes that somebody else put into that topic are left alone, whatever they are."""
        try:
            letter = self._schemas.decode(message.value() or b"")
            self._dead[((letter["source_partition"], letter["source_offset"]), letter["reason"])] += 1
        except LoadError:
            raise
        except Exception:  # noqa: BLE001, S110 - bad bytes make fastavro raise whatever the first wrong step does
            pass

    def _judge(self, message: Message) -> None:
        key = bytes(message.key() or b"")
        if key[:TAG_BYTES] != self._tag:
            return
        try:
            event = self._schemas.decode(message.value() or b"")
            wrong = self._fault_of(event, key, int(message.partition() or 0))
        except LoadError:
            raise
        except Exception as error:  # noqa: BLE001 - bad bytes make fastavro raise whatever the first wrong step does
            wrong = f"{_reason_of(error)}: {error or type(error).__name__}"
        if wrong is not None:
            self._wrong.append(f"partition {message.partition()} offset {message.offset()}: {wrong}")
            return
        self._ours += 1
        self._fingerprint = (self._fingerprint + fingerprint_of(key)) & _MASK

    def _fault_of(self, event: Any, key: bytes, partition: int) -> str | None:
        """Return what is wrong with a record that decodes, None when it is right."""
        if _EXACT.add(event["a"], event["b"]) != event["sum"]:
            return "WRONG_SUM: sum is not a + b"
        if event["request_id"] != key:
            return "WRONG_KEY: the key is not the request id"
        due = partition_of(key, self._partitions)
        return None if due == partition else f"WRONG_PARTITION: the request id belongs in partition {due}"

    def _broken_record(self, reason: str, schema_id: int) -> tuple[bytes, bytes, int]:
        addition = Draw.seeded(bytes(TAG_BYTES), time.monotonic_ns()).next()
        a, b = Decimal(2), Decimal(40)
        event = {
            "request_id": addition.id_bytes,
            "a": a, "b": b, "sum": a + b + (reason == "WRONG_SUM"), "added_at": time.time_ns() // 1000,
        }  # fmt: skip
        out = io.BytesIO()
        fastavro.schemaless_writer(out, self._schemas.schema(schema_id), event)
        value = frame(schema_id) + out.getvalue()
        key, partition = addition.id_bytes, partition_of(addition.id_bytes, self._partitions)
        match reason:
            case "FRAMING":
                value = b"no frame"
            case "UNDECODABLE":
                value = value[:20]
            case "WRONG_KEY":
                key = b"not the id of it"
            case "WRONG_PARTITION":
                partition = (partition + 1) % self._partitions
        return key, value, partition


def _reason_of(error: Exception) -> str:
    """Return the contract's word for what a record cannot be decoded for."""
    if isinstance(error, FramingError):
        return "FRAMING"
    return "UNKNOWN_SCHEMA" if isinstance(error, SchemaUnknown) else "UNDECODABLE"
