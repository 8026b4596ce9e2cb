"""Strangers who may write to Kafka's topics. Each attack is bounded, ends by itself, and returns how much it wrote."""

import functools
import io
import json
import random
import uuid
from decimal import Decimal
from typing import Final

import fastavro
import httpx
from confluent_kafka import Producer

from oracle.decoding import partition_of
from oracle.kafka_reading import read_topic_id
from tally.base.framing import frame
from tally.event.codes import FRAMING, UNDECODABLE, UNKNOWN_SCHEMA, WRONG_KEY
from tally.event.dead_letter import Copy, Letter, dead_record
from tally.event.digest import undecoded
from tally.generated.avro.sum_added import SumAdded
from tally.generated.topics import SUMS, SUMS_DLT
from tests_support.hostile.addresses import Addresses
from tests_support.waiting import pause

KAFKA_S: Final = 20.0
UNKNOWN_IDS_MIN: Final = 1_000_000
LETTERS_SCHEMA_ID: Final = 2
STRINGS: Final = '"string"'


def poison_records(at: Addresses, rng: random.Random) -> int:
    """Garbage, without a key, with a wrong one, framed with schema ids that nobody registered."""
    producer = _producer(at)
    count = rng.randrange(10, 60)
    unknown = [rng.randrange(UNKNOWN_IDS_MIN, 2 * UNKNOWN_IDS_MIN) for _ in range(3)]
    for _ in range(count):
        garbage = rng.randbytes(rng.randrange(200))
        value = rng.choice((None, garbage, frame(rng.choice(unknown)) + garbage))
        key = rng.choice((None, rng.randbytes(16), garbage))
        producer.produce(SUMS.name, value, key, partition=rng.randrange(SUMS.partitions))
    producer.flush(KAFKA_S)
    return count


def one_poison_each(at: Addresses) -> None:
    """Write one garbage record into each partition: for the first one, a consumer opens what it then keeps open."""
    producer = _producer(at)
    for partition in range(SUMS.partitions):
        producer.produce(SUMS.name, b"garbage", partition=partition)
    producer.flush(KAFKA_S)


def foreign_schemas(at: Addresses, rng: random.Random) -> int:
    """Records of schemas that their writer registered for itself: other decimals, and one that is no record."""
    producer = _producer(at)
    coarse = _coarse_schema()
    ids = {text: _registered(at.registry_url, text) for text in (json.dumps(coarse), STRINGS)}
    for _ in range(rng.randrange(5, 20)):
        request_id = uuid.UUID(bytes=rng.randbytes(16), version=4)
        out = io.BytesIO()
        numbers = {"a": Decimal("2.5"), "b": Decimal("-40.25"), "sum": Decimal("-37.75")}
        fields = {**numbers, "request_id": request_id.bytes, "added_at": 10**15}
        fastavro.schemaless_writer(out, fastavro.parse_schema(coarse), fields)
        schema_id = rng.choice(list(ids.values()))
        producer.produce(
            SUMS.name,
            frame(schema_id) + out.getvalue(),
            request_id.bytes,
            partition=partition_of(request_id.bytes, SUMS.partitions),
        )
    producer.flush(KAFKA_S)
    return len(ids)


def forged_letters(at: Addresses, rng: random.Random) -> int:
    """Dead letters about records that are sound, or are not there yet; and what is no letter at all."""
    producer = _producer(at)
    own = _topic_id(at.kafka)
    count = rng.randrange(10, 60)
    for _ in range(count):
        partition, offset = rng.randrange(SUMS.partitions), rng.randrange(20_000)
        reason = rng.choice((FRAMING, UNDECODABLE, UNKNOWN_SCHEMA, WRONG_KEY))
        # No copy of a record: with its true reason as well nobody could tell it from a genuine letter (docs/DESIGN.md).
        key, value = rng.choice((None, rng.randbytes(16))), rng.randbytes(77)
        letter = Letter(partition, offset, 0, reason, "forged", undecoded(key, value), None, Copy(key), Copy(value))
        record = dead_record(letter, SUMS.name, own, LETTERS_SCHEMA_ID)
        producer.produce(SUMS_DLT.name, record.value, record.key, partition, headers=list(record.headers))
    producer.produce(SUMS_DLT.name, rng.randbytes(50), partition=rng.randrange(SUMS_DLT.partitions))
    producer.flush(KAFKA_S)
    return count


def open_transaction(at: Addresses, rng: random.Random) -> int:
    """A transaction of somebody else, which holds up a partition for a while and is then given up."""
    producer = _producer(at, **{"transactional.id": f"stranger-{rng.randrange(10**9)}"})
    producer.init_transactions(KAFKA_S)
    producer.begin_transaction()
    producer.produce(SUMS.name, b"never committed", partition=rng.randrange(SUMS.partitions))
    producer.flush(KAFKA_S)
    pause(rng.uniform(2.0, 8.0))
    producer.abort_transaction(KAFKA_S)
    return 1


def _producer(at: Addresses, **extra: str) -> Producer:
    return Producer({"bootstrap.servers": at.kafka, "linger.ms": 5, "log_level": 0, **extra})


@functools.cache
def _topic_id(kafka: str) -> str:
    return read_topic_id(kafka, SUMS.name)


@functools.cache
def _registered(registry_url: str, schema: str) -> int:
    """Return the id of a schema that somebody registers under a subject of their own."""
    subject = "stranger-text" if schema == STRINGS else "stranger-value"
    answer = httpx.post(f"{registry_url}/subjects/{subject}/versions", json={"schema": schema}, timeout=KAFKA_S)
    return int(answer.raise_for_status().json()["id"])


def _coarse_schema() -> dict[str, object]:
    """Return our schema with four decimals instead of nine."""
    schema = json.loads(SumAdded.SCHEMA)
    for field in schema["fields"][1:4]:
        field["type"]["scale"] = 4
    assert isinstance(schema, dict)
    return schema
