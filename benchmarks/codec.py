"""The generated Avro classes beside fastavro, and ``codegen gen`` beside what it promises. No broker."""

import io
import json
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import fastavro

from benchmarks.results import Comparison, Sample, Target, alternate, rate
from benchmarks.system import finished
from tally.base.framing import frame
from tally.event.rows import no_rows
from tally.event.values import read_fast
from tally.generated.avro.sum_added import SumAdded

_ROUNDS: Final = 5
_RECORDS: Final = 2_000
_SCHEMA_ID: Final = 7
_ROOT: Final = Path(__file__).resolve().parent.parent
_UNCHANGED_S: Final = 1.0
_CHANGED_S: Final = 10.0
_FASTAVRO: Final = "fastavro, a record to or from a dict"


def codec(*, quick: bool) -> list[Comparison]:
    """Compare records a second: decoded and encoded one by one, and read as columns as the consumer does."""
    records = [_record(i) for i in range(_RECORDS)]
    bodies = [record.encode() for record in records]
    parsed: Any = fastavro.parse_schema(json.loads(SumAdded.SCHEMA))
    dicts = [fastavro.schemaless_reader(io.BytesIO(body), parsed, None) for body in bodies]
    values: list[bytes | None] = [frame(_SCHEMA_ID) + body for body in bodies]
    _agree(records, bodies, dicts, parsed)

    def read_all() -> None:
        for body in bodies:
            fastavro.schemaless_reader(io.BytesIO(body), parsed, None)

    def write_all() -> None:
        for one in dicts:
            fastavro.schemaless_writer(io.BytesIO(), parsed, one)

    def decode_all() -> None:
        for body in bodies:
            SumAdded.decode(body)

    def encode_all() -> None:
        for record in records:
            record.encode()

    def columns() -> None:
        fast, _ = read_fast(no_rows(_RECORDS), values, frozenset({_SCHEMA_ID}))
        assert fast.all(), "every record has the common form"

    return [
        _comparison("decode", "SumAdded.decode", read_all, decode_all, 1.5, quick=quick),
        _comparison("encode", "SumAdded.encode", write_all, encode_all, 1.5, quick=quick),
        _comparison("columns", "the consumer's column path", read_all, columns, 10.0, quick=quick),
    ]


def _record(i: int) -> SumAdded:
    a, b = Decimal(i) / 8, Decimal("-123456789.123456789")
    return SumAdded(request_id=uuid.UUID(int=i), a=a, b=b, sum=a + b, added_at=datetime(2026, 1, 2, 3, 4, 5, i, UTC))


def _agree(records: list[SumAdded], bodies: list[bytes], dicts: list[Any], parsed: Any) -> None:
    """Assert that both sides read and write the same before they are measured."""
    for record, body, one in zip(records, bodies, dicts, strict=True):
        out = io.BytesIO()
        fastavro.schemaless_writer(out, parsed, one)
        assert out.getvalue() == body
        assert one["sum"] == SumAdded.decode(body).sum == record.sum


def _comparison(
    name: str,
    subject: str,
    limit: Callable[[], None],
    own: Callable[[], None],
    target: float,
    *,
    quick: bool,
) -> Comparison:
    duration_s = 0.05 if quick else 0.5
    limits, subjects = alternate(
        lambda: rate(limit, _RECORDS, duration_s), lambda: rate(own, _RECORDS, duration_s), _ROUNDS
    )
    return Comparison(
        name=f"codegen: {name}",
        unit="records/s",
        subject=subject,
        limit=_FASTAVRO,
        target=Target(ratio=target),
        subject_samples=subjects,
        limit_samples=limits,
    )


def gen(*, quick: bool) -> list[Comparison]:
    """Compare seconds with what is promised: `just gen` on an unchanged tree, `codegen gen` on a changed one."""
    rounds = 1 if quick else 3
    unchanged = [str(_ROOT / "justw"), "gen"]
    with tempfile.TemporaryDirectory() as directory:
        copy = Path(shutil.copytree(_ROOT / "contracts", Path(directory) / "contracts"))
        changed = [sys.executable, "-m", "codegen", "gen", "--contracts", "contracts"]
        _seconds(unchanged, _ROOT)  # leaves the stamp, as every run does
        still = [_seconds(unchanged, _ROOT) for _ in range(rounds)]
        moving = []
        for number in range(rounds):
            _edit(copy, number)
            moving.append(_seconds(changed, Path(directory)))
    return [
        _promise("gen, unchanged", "./justw gen", still, _UNCHANGED_S),
        _promise("gen, changed", "codegen gen after an edit of a contract", moving, _CHANGED_S),
    ]


def _edit(contracts: Path, number: int) -> None:
    path = contracts / "avro" / "sum_added.avsc"
    schema = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**schema, "doc": f"Edited {number} times."}, indent=2), encoding="utf-8")


def _seconds(command: list[str], folder: Path) -> Sample:
    before, began_s = os.times(), time.perf_counter()
    finished(command, folder)
    elapsed_s, after = time.perf_counter() - began_s, os.times()
    processor_s = after.children_user + after.children_system - before.children_user - before.children_system
    return Sample(value=elapsed_s, details={"processor seconds": processor_s})


def _promise(name: str, subject: str, found: list[Sample], seconds: float) -> Comparison:
    return Comparison(
        name=f"codegen: {name}",
        unit="s",
        subject=subject,
        limit=f"{seconds:g} s, what is promised",
        target=Target(ratio=1.0, higher_is_better=False),
        subject_samples=found,
        limit_samples=[Sample(value=seconds)],
    )
