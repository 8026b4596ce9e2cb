"""Examines a live system: waits until it is at rest, reads everything, and judges it."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from oracle.asking import get
from oracle.facts import Facts, TopicRecord
from oracle.history import History
from oracle.judging import judge
from oracle.kafka_reading import (
    read_committed_offsets,
    read_log_starts,
    read_offsets,
    read_schemas,
    read_topic,
    read_topic_id,
    wait_until_stable,
)
from oracle.ledger_reading import read_ledgers
from oracle.letters import read_dead_letters
from oracle.report import Report
from oracle.waiting import NotInTimeError, until

CONTRACT = Path(__file__).parents[1] / "contracts" / "avro" / "sum_added.avsc"


@dataclass(frozen=True, kw_only=True)
class System:
    """Where to find everything that the oracle examines."""

    kafka: str
    """host:port, separated by commas."""
    registry_url: str
    ledgers: Sequence[Path]
    """Directories that have ledgers in or below them."""
    rest_urls: Sequence[str] = ()
    """One address for each replica."""
    topic: str = "tally.sums.v1"
    group: str = "tally-ledger"
    kafka_properties: Mapping[str, str] = field(default_factory=dict)
    """What a client needs besides the address (security, tuning), with the names of librdkafka."""
    registry_headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def kafka_client(self) -> Mapping[str, str]:
        """The properties of a Kafka client."""
        return {"bootstrap.servers": self.kafka, **self.kafka_properties}

    @property
    def dead_letter_topic(self) -> str:
        """The topic of the records that could not be counted."""
        return f"{self.topic}.dlt"


def examine(system: System, history: History | None = None, drain_s: float = 60.0) -> Report:
    """Wait until everything committed is in the ledgers and committed by the group, then read and judge it all.

    A system that is not at rest within ``drain_s`` is judged as it is, and the report begins with what was missing.
    Raises UnreadableError if something cannot be read at all.
    """
    history = history or History()
    return judge(gather(system, calls=history.calls(), watermarks=history.watermarks(), drain_s=drain_s))


def gather(system: System, *, calls: Any = (), watermarks: Any = (), drain_s: float) -> Facts:
    """Return everything that the checks examine, read once the system is at rest or ``drain_s`` have passed."""
    kafka, until_s = system.kafka_client, time.monotonic() + drain_s
    unrest = _unrest(lambda: wait_until_stable(kafka, system.topic, drain_s))
    records = read_topic(kafka, system.topic)
    unrest = unrest or _unrest(lambda: wait_until_counted(system, records, until_s - time.monotonic()))
    unrest = unrest or _unrest(lambda: wait_until_stable(kafka, system.dead_letter_topic, until_s - time.monotonic()))
    letters = read_topic(kafka, system.dead_letter_topic)
    flat = [record for source in (records, letters) for some in source.values() for record in some]
    schemas = read_schemas(system.registry_url, system.registry_headers, flat)
    dead_letters, strangers = read_dead_letters(letters, schemas, system.topic)
    uncommitted = read_offsets(kafka, system.topic, "read_uncommitted")
    return Facts(
        partitions=len(records),
        records=records,
        schemas=schemas,
        reader_schema=CONTRACT.read_text(encoding="utf-8"),
        aborted={
            partition: frozenset(offsets) - frozenset(record.offset for record in records[partition])
            for partition, offsets in uncommitted.items()
        },
        ledgers=read_ledgers(system.ledgers, system.topic),
        committed=read_committed_offsets(kafka, system.topic, system.group),
        dead_letters=dead_letters,
        strangers=strangers,
        topic_id=read_topic_id(kafka, system.topic),
        log_starts=read_log_starts(kafka, system.topic),
        rest={url: total_at(url) for url in system.rest_urls},
        calls=calls,
        watermarks=watermarks,
        unrest=unrest,
    )


def wait_until_counted(system: System, records: Mapping[int, Sequence[TopicRecord]], timeout_s: float) -> None:
    """Wait until every replica shows, and the group has committed, every record. Raises NotInTimeError."""
    until_s = time.monotonic() + timeout_s
    last = {partition: some[-1].offset for partition, some in records.items() if some}

    def behind(url: str) -> dict[int, tuple[int, int]]:
        """Return (last offset, next offset shown) of the partitions that are behind."""
        shown = {part["partition"]: part["next_offset"] or 0 for part in total_at(url)["partitions"]}
        return {p: (offset, shown.get(p, 0)) for p, offset in last.items() if shown.get(p, 0) <= offset}

    def uncommitted() -> dict[int, tuple[int, int]]:
        read = read_committed_offsets(system.kafka_client, system.topic, system.group)
        reached = {partition: committed.offset for partition, committed in read.items()}
        return {p: (offset, reached.get(p, 0)) for p, offset in last.items() if reached.get(p, 0) <= offset}

    for url in system.rest_urls:
        _until_empty(partial(behind, url), until_s - time.monotonic(), f"{url} shows every record")
    _until_empty(uncommitted, until_s - time.monotonic(), f"the group {system.group} has committed every record")


def rest_total(system: System) -> dict[str, Any]:
    """Return the body of GET /v1/total of the first replica. Raises ConnectionError."""
    return total_at(system.rest_urls[0])


def total_at(url: str) -> dict[str, Any]:
    """Return the body of GET /v1/total. Raises ConnectionError."""
    try:
        body = get(f"{url}/v1/total").raise_for_status().json()
    except httpx.HTTPError as error:
        raise ConnectionError(f"{url}/v1/total: {error}") from error
    assert isinstance(body, dict)
    return body


def _unrest(wait: Callable[[], None]) -> str | None:
    """Return what did not come to rest in time; None if everything did."""
    try:
        wait()
    except NotInTimeError as error:
        return str(error)
    return None


def _until_empty(left: Callable[[], dict[int, tuple[int, int]]], timeout_s: float, what: str) -> None:
    seen: dict[int, tuple[int, int]] = {}

    def done() -> bool:
        seen.clear()
        seen.update(left())
        return not seen

    try:
        until(done, timeout_s, what, retry_on=(OSError,))
    except NotInTimeError as error:
        lacking = [f"partition {p} has offset {last}, seen up to {shown}" for p, (last, shown) in seen.items()]
        raise NotInTimeError("; ".join([str(error), *lacking[:3]])) from None
