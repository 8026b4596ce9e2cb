"""From a live system to the oracle's facts: drain, read everything, judge."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from oracle import judge
from oracle.facts import Facts, TopicRecord
from oracle.history import History
from oracle.kafka_reading import (
    REQUEST_S,
    read_committed_offsets,
    read_dead_letters,
    read_schemas,
    read_topic,
    wait_until_stable,
)
from oracle.ledger_reading import read_ledgers
from oracle.report import Report
from oracle.waiting import until

CONTRACT = Path(__file__).parents[1] / "contracts" / "avro" / "sum_added.avsc"


@dataclass(frozen=True, kw_only=True)
class System:
    """Where everything is that the oracle looks at."""

    kafka: str
    registry_url: str
    rest_url: str
    data_dir: Path
    topic: str = "tally.sums.v1"
    group: str = "tally-ledger"

    @property
    def dead_letter_topic(self) -> str:
        """The topic of what could not be counted."""
        return f"{self.topic}.dlt"


def examine(system: System, history: History | None = None, drain_s: float = 60.0) -> Report:
    """Wait until everything committed is in the ledgers and committed by the group, read it all, and judge."""
    wait_until_stable(system.kafka, system.topic, drain_s)
    records = read_topic(system.kafka, system.topic)
    wait_until_counted(system, records, drain_s)
    wait_until_stable(system.kafka, system.dead_letter_topic, drain_s)
    return judge(gather(system, records, history or History()))


def wait_until_counted(system: System, records: Mapping[int, Sequence[TopicRecord]], timeout_s: float) -> None:
    """Return when REST shows, and the group has committed, every record."""
    last = {partition: some[-1].offset for partition, some in records.items() if some}

    def behind() -> dict[int, tuple[int, int]]:
        """Return (last offset, next offset shown) of the partitions that lack something."""
        shown = {part["partition"]: part["next_offset"] or 0 for part in rest_total(system)["partitions"]}
        return {p: (offset, shown.get(p, 0)) for p, offset in last.items() if shown.get(p, 0) <= offset}

    def uncommitted() -> dict[int, int]:
        committed = read_committed_offsets(system.kafka, system.topic, system.group)
        return {p: offset for p, offset in last.items() if p not in committed or committed[p].offset <= offset}

    _until_empty(behind, timeout_s, "every record counted", retry_on=(OSError,))
    _until_empty(uncommitted, timeout_s, "every offset committed")


def gather(system: System, records: Mapping[int, Sequence[TopicRecord]], history: History) -> Facts:
    """Return everything the checks look at."""
    uncommitted = read_topic(system.kafka, system.topic, "read_uncommitted")
    letters = read_topic(system.kafka, system.dead_letter_topic)
    flat = [record for source in (records, letters) for some in source.values() for record in some]
    schemas = read_schemas(system.registry_url, flat)
    return Facts(
        partitions=len(records),
        records=records,
        schemas=schemas,
        reader_schema=CONTRACT.read_text(encoding="utf-8"),
        aborted={
            partition: frozenset(record.offset for record in some)
            - frozenset(record.offset for record in records[partition])
            for partition, some in uncommitted.items()
        },
        ledgers=read_ledgers(system.data_dir, system.topic),
        committed=read_committed_offsets(system.kafka, system.topic, system.group),
        dead_letters=read_dead_letters(letters, schemas, system.topic),
        rest=rest_total(system),
        calls=history.calls(),
        watermarks=history.watermarks(),
    )


def rest_total(system: System) -> dict[str, Any]:
    """Return the body of GET /v1/total. Raises ConnectionError."""
    try:
        body = httpx.get(f"{system.rest_url}/v1/total", timeout=REQUEST_S).raise_for_status().json()
    except httpx.HTTPError as error:
        raise ConnectionError(f"{system.rest_url}/v1/total: {error}") from error
    assert isinstance(body, dict)
    return body


def _until_empty(left: Any, timeout_s: float, what: str, retry_on: tuple[type[Exception], ...] = ()) -> None:
    seen: list[Any] = []

    def done() -> bool:
        seen[:] = [left()]
        return not seen[0]

    try:
        until(done, timeout_s, what, retry_on=retry_on)
    except AssertionError as error:
        raise AssertionError(f"{error}; left: {seen}") from None
