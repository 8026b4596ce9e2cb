"""A consumer under test: raw records into its topic, in transactions or not, and waiting for what it makes of them."""

import io
import itertools
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import fastavro
import httpx
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from oracle.facts import TopicRecord
from oracle.kafka_reading import read_committed_offsets, read_topic
from oracle.reading import examine
from stack import Stack
from tally.base.framing import frame
from tally.event.partitions import partition_of
from tally.generated.avro.sum_added import SumAdded
from tally.generated.topics import SUMS, SUMS_DLT
from tally.registry.lookup import SchemaRegistry
from tests_support import rest
from tests_support.running.live import system_of
from tests_support.waiting import eventually

WAIT_S = 40.0
_SERIAL = itertools.count(1)
_WHEN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Raw:
    """A record to produce; ``partition`` is usually that of its id."""

    partition: int
    key: bytes | None
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Rig:
    """One stack whose consumer is tested; Kafka, registry and contracts are up."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        registry = SchemaRegistry(stack.registry_url)
        self.schema_id = registry.lookup(SUMS.subject, SUMS.schema)
        registry.close()
        self._opened: Producer | None = None

    # -- writing -----------------------------------------------------------------------------------------------------

    def addition(
        self, a: str = "2", b: str = "40.5", *, request_id: uuid.UUID | None = None, total: str | None = None
    ) -> Raw:
        """Return a good record with an id of its own, unless told otherwise."""
        own = request_id or uuid.uuid4()
        added = Decimal(a) + Decimal(b) if total is None else Decimal(total)
        event = SumAdded(request_id=own, a=Decimal(a), b=Decimal(b), sum=added, added_at=_WHEN)
        return Raw(partition_of(own.bytes, SUMS.partitions), own.bytes, frame(self.schema_id) + event.encode())

    def additions(self, number: int, partition: int | None = None) -> list[Raw]:
        """Return good records, of one partition if it is given."""
        made = (self.addition() for _ in itertools.count())
        fitting = (raw for raw in made if partition is None or raw.partition == partition)
        return list(itertools.islice(fitting, number))

    def of_a_breaking_version(self) -> Raw:
        """Return a record of a schema with four decimals, which its writer registered for itself and asked nobody."""
        schema = json.loads(SumAdded.SCHEMA)
        for field in schema["fields"][1:4]:
            field["type"]["scale"] = 4
        url = f"{self.stack.registry_url}/subjects/rogue-value/versions"
        schema_id = httpx.post(url, json={"schema": json.dumps(schema)}, timeout=20).raise_for_status().json()["id"]
        good = self.addition()
        out = io.BytesIO()
        numbers = {"a": Decimal("2.5"), "b": Decimal("-40.25"), "sum": Decimal("-37.75")}
        fields = {**numbers, "request_id": good.key, "added_at": 10**15}
        fastavro.schemaless_writer(out, fastavro.parse_schema(schema), fields)
        return Raw(good.partition, good.key, frame(schema_id) + out.getvalue())

    def commit(self, records: Sequence[Raw]) -> list[tuple[int, int]]:
        """Write records in one transaction; return their (partition, offset)."""
        return self._write(records, lambda producer: producer.commit_transaction(20))

    def abort(self, records: Sequence[Raw]) -> list[tuple[int, int]]:
        """Write records in a transaction that is aborted once they are in the log."""
        return self._write(records, lambda producer: producer.abort_transaction(20))

    def _write(self, records: Sequence[Raw], end: Callable[[Producer], None]) -> list[tuple[int, int]]:
        producer = self._producer()
        places: list[tuple[int, int]] = []

        def delivered(error: object, message: Any) -> None:
            assert error is None, error
            places.append((message.partition(), message.offset()))

        producer.begin_transaction()
        for raw in records:
            producer.produce(
                SUMS.name,
                key=raw.key,
                value=raw.value,
                partition=raw.partition,
                headers=list(raw.headers),
                on_delivery=delivered,
            )
        assert producer.flush(20) == 0, "not delivered in 20 s"
        end(producer)
        return places

    def _producer(self) -> Producer:
        if self._opened is None:
            config = {"bootstrap.servers": self.stack.bootstrap_servers, "transactional.id": f"rig-{next(_SERIAL)}"}
            self._opened = Producer({**config, "linger.ms": 5, "log_level": 2})
            self._opened.init_transactions(30)
        return self._opened

    # -- looking -----------------------------------------------------------------------------------------------------

    def get(self, path: str) -> Any:
        """Return the body of a GET that must succeed."""
        answer = rest.get(self.stack.rest_url + path)
        assert answer.status == 200, (path, answer.status, answer.content[:500])
        return answer.body

    def partition(self, number: int) -> Any:
        """Return one partition as REST shows it."""
        return self.get(f"/v1/partitions/{number}")

    def chains(self) -> dict[int, str]:
        """Return the chain in the witness of each committed partition."""
        read = read_committed_offsets(self.stack.bootstrap_servers, SUMS.name, "tally-ledger")
        return {number: str((found.witness or {}).get("chain")) for number, found in read.items()}

    def wait_for(self, places: Sequence[tuple[int, int]]) -> None:
        """Return when all these records are in the ledgers."""
        last: dict[int, int] = {}
        for partition, offset in places:
            last[partition] = max(offset, last.get(partition, -1))

        def behind() -> list[int]:
            parts = self.get("/v1/total")["partitions"]
            shown = {part["partition"]: part["next_offset"] or 0 for part in parts}
            return [partition for partition, offset in last.items() if shown[partition] <= offset]

        eventually(lambda: not behind(), WAIT_S, "the records are in the ledgers", retry_on=(OSError,))

    def wait_committed(self) -> None:
        """Return when all that is in the topic is in the ledgers and committed."""

        def committed() -> bool:
            shown = self.get("/v1/partitions")
            return all(part["lag"] == 0 and part["committed"] == part["next_offset"] for part in shown)

        eventually(committed, WAIT_S, "all is committed", retry_on=(OSError,))

    def wait_for_state(self, partition: int, state: str, timeout_s: float = WAIT_S) -> Any:
        """Return the partition once it is in a state."""

        def shown() -> Any:
            body = self.partition(partition)
            return body if body["state"] == state else None

        return eventually(shown, timeout_s, f"partition {partition} is {state}", retry_on=(OSError,))

    def dead_letters(self) -> dict[int, list[TopicRecord]]:
        """Return the committed dead letters by partition."""
        found = read_topic(self.stack.bootstrap_servers, SUMS_DLT.name)
        return {partition: list(records) for partition, records in found.items()}

    def judge(self) -> None:
        """Let the oracle, which shares no code with the consumer, compare everything. The stack must be RUNNING."""
        examine(system_of(self.stack)).require_clean()

    def ledger_dir(self, partition: int) -> Path:
        """Return where a partition's ledger lies."""
        return self.stack.data_dir / "consumer" / "0" / "ledger" / f"{SUMS.name}-{partition}"

    # -- acting ------------------------------------------------------------------------------------------------------

    def restart(self) -> None:
        """Start the consumer again and wait until it is ready."""
        self.stack.start("consumer")
        self.stack.wait_ready("consumer", WAIT_S)

    @contextmanager
    def without_topic(self, name: str) -> Iterator[None]:
        """Delete a topic for a while; the contracts make it again."""
        admin = AdminClient({"bootstrap.servers": self.stack.bootstrap_servers})
        for done in admin.delete_topics([name]).values():
            done.result(10)
        eventually(lambda: name not in admin.list_topics(timeout=10).topics, WAIT_S, f"{name} is gone")
        yield
        self.stack.start("contracts")
