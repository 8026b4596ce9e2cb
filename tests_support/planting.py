"""Plain facts for the oracle's own tests: a small honest world, in which a test then plants one violation."""

import io
import json
import struct
import uuid
from dataclasses import replace
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

import fastavro

from oracle.chain import chains_at
from oracle.decoding import partition_of
from oracle.facts import Committed, DeadLetter, Facts, Ledger, Mark, TopicRecord
from oracle.history import Call, Outcome
from oracle.truth import Truth, states_at, truth_of

PARTITIONS = 12
URL = "http://127.0.0.1:8000"
"""The address of the only replica of a planted world."""
SCHEMA_ID = 7
TOPIC_ID = "topic-1"
SCHEMA = (Path(__file__).parents[1] / "contracts" / "avro" / "sum_added.avsc").read_text(encoding="utf-8")


def id_in(partition: int, number: int = 0) -> uuid.UUID:
    """Return the ``number``-th id, counted from 1 upwards, that belongs to a partition."""
    found = -1
    for candidate in range(1, 1_000_000):
        if partition_of(candidate.to_bytes(16, "big"), PARTITIONS) == partition:
            found += 1
            if found == number:
                return uuid.UUID(int=candidate)
    raise ValueError(f"no id number {number} in partition {partition}")


@cache
def _schema() -> Any:
    return fastavro.parse_schema(json.loads(SCHEMA))


def value_of(request_id: uuid.UUID, a: str, b: str, total: str | None = None) -> bytes:
    """Return a framed record; ``total`` replaces the true sum."""
    out = io.BytesIO()
    added = Decimal(a) + Decimal(b) if total is None else Decimal(total)
    fields = {"request_id": request_id.bytes, "a": Decimal(a), "b": Decimal(b), "sum": added, "added_at": 10**15}
    fastavro.schemaless_writer(out, _schema(), fields)
    return struct.pack(">BI", 0, SCHEMA_ID) + out.getvalue()


def record(partition: int, offset: int, request_id: uuid.UUID, a: str, b: str) -> TopicRecord:
    """Return an honest record."""
    value = value_of(request_id, a, b)
    return TopicRecord(partition=partition, offset=offset, key=request_id.bytes, value=value, timestamp_ms=10**12)


def world(*records: TopicRecord) -> Facts:
    """Return facts in which everything follows from the records: ledgers, group, dead letters, REST, calls."""
    by_partition = {
        p: sorted((r for r in records if r.partition == p), key=lambda r: r.offset) for p in range(PARTITIONS)
    }
    facts = Facts(
        partitions=PARTITIONS,
        records=by_partition,
        schemas={SCHEMA_ID: SCHEMA},
        reader_schema=SCHEMA,
        topic_id=TOPIC_ID,
    )
    truth = truth_of(facts)
    ledgers = [_ledger(p, truth) for p in range(PARTITIONS) if by_partition[p]]
    return replace(
        facts,
        ledgers=ledgers,
        committed={ledger.partition: _committed(ledger) for ledger in ledgers},
        dead_letters=_dead_letters(by_partition, truth),
        rest={URL: _rest(truth)},
        calls=_calls(truth),
    )


def _ledger(partition: int, truth: Truth) -> Ledger:
    verdicts = truth.verdicts[partition]
    states = states_at(verdicts, [v.offset + 1 for v in verdicts])
    chains = chains_at(verdicts, [state.next_offset for state in states])
    marks: list[Mark] = [
        replace(state, rows_before=n, chain=chain)
        for n, (state, chain) in enumerate(zip(states, chains, strict=True), start=1)
    ]
    return Ledger(replica="0", partition=partition, rows=verdicts, marks=marks, openings=states_at(verdicts, [0]))


def _committed(ledger: Ledger) -> Committed:
    end = ledger.marks[-1]
    witness = {
        "chain": end.chain.hex(),
        "counted": end.counted, "duplicates": end.duplicates, "conflicts": end.conflicts, "poison": end.poison,
        "total": f"{end.total:f}",
    }  # fmt: skip
    return Committed(offset=end.next_offset, witness=witness)


def _dead_letters(by_partition: dict[int, list[TopicRecord]], truth: Truth) -> list[DeadLetter]:
    bytes_of = {(r.partition, r.offset): r for records in by_partition.values() for r in records}
    return [
        DeadLetter(
            partition=p, offset=n, source_topic_id=TOPIC_ID, source_partition=p, source_offset=v.offset,
            source_digest=v.digest.hex().encode(), reason=v.reason,
            key=bytes_of[(p, v.offset)].key, value=bytes_of[(p, v.offset)].value,
        )
        for p, verdicts in truth.verdicts.items()
        for n, v in enumerate(v for v in verdicts if v.kind == "POISON")
    ]  # fmt: skip


def _rest(truth: Truth) -> dict[str, Any]:
    return {
        "total": f"{truth.total():f}",
        "count": truth.count("COUNTED"),
        "duplicates": truth.count("DUPLICATE"),
        "conflicts": truth.count("CONFLICT"),
        "poison": truth.count("POISON"),
        "complete": True,
        "partitions": [
            {"partition": p, "count": truth.count("COUNTED", p), "total": f"{truth.total(p):f}"}
            for p in range(PARTITIONS)
        ],
    }


def _calls(truth: Truth) -> list[Call]:
    return [
        Call(
            request_id=str(uuid.UUID(bytes=v.request_id)), a=f"{v.a:f}", b=f"{v.b:f}", outcome=Outcome.OK,
            sum=f"{v.sum:f}", partition=p, offset=v.offset, started_s=1.0, ended_s=1.1, deadline_s=10.0,
        )
        for p, verdicts in truth.verdicts.items()
        for v in verdicts
        if v.kind == "COUNTED"
    ]  # fmt: skip
