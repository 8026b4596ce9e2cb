"""Good and foreign records with the consumer's verdict on each: what no later version may decide in another way.

``python -m tests_support.consumer.verdict_corpus`` adds new records to the file; it refuses to change a verdict that is
there.
Schemas are by the id that records name them by; an id that is missing is one that the registry denies.
"""

import hashlib
import json
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from consumer.core.schema_wait import SchemaWait
from consumer.shell.schemas import Schemas
from tally.base.framing import SchemaName
from tally.event.classify import Fetched, decode
from tally.event.codes import KIND_NAMES, REASON_NAMES
from tally.event.verdict import SchemaUnavailable
from tally.generated.topics import SUMS, SUMS_DLT
from tally.registry.errors import SchemaUnknown
from tests_support.consumer.golden_records import LETTERS, OURS, Case, golden_cases, golden_schemas
from tests_support.ledger.records import PARTITION, PARTITIONS

FILE: Final = Path(__file__).parents[2] / "tests" / "unit" / "event" / "golden" / "verdicts.json"


@dataclass(frozen=True)
class Told:
    """A verdict: "NONE" where the record counts; ``row``: BLAKE2b of the row that enters the ledger."""

    reason: str
    row: str


class Texts:
    """A registry that knows these schemas."""

    def __init__(self, schemas: dict[int, str]) -> None:
        self._schemas = schemas

    def lookup(self, subject: str, _text: str) -> int:
        """Return the id of our own."""
        return {SUMS.subject: OURS, SUMS_DLT.subject: LETTERS}[subject]

    def schema(self, name: SchemaName) -> str:
        """Raises SchemaUnknown."""
        if not isinstance(name, int) or name not in self._schemas:
            raise SchemaUnknown(f"schema {name} is not known")
        return self._schemas[name]


def consumer_schemas(schemas: dict[int, str]) -> Schemas:
    """Return what the consumer reads foreign records with, over a registry that knows these."""
    registry: Any = Texts(schemas)
    made = Schemas(registry, 0.0)
    made.own()
    return made


def told_by_consumer(cases: list[Case], schemas: Schemas) -> list[Told]:
    """Return the consumer's verdicts on a batch of records."""
    headers = [case.header for case in cases]
    fetched = Fetched(
        PARTITION,
        np.arange(len(cases), dtype=np.int64),
        np.full(len(cases), 1_764_000_000_000, np.int64),
        [case.key for case in cases],
        [case.value for case in cases],
        headers.__getitem__,
    )
    names = [fetched.schema_name(position) for position in range(len(cases))]
    wait = SchemaWait(dict.fromkeys((name for name in names if name is not None), 0), len(cases))
    with suppress(SchemaUnavailable):  # the first denials
        schemas.resolve(wait)
    schemas.resolve(wait)
    view = schemas.view(wait)
    outcome = decode(
        fetched,
        partitions=PARTITIONS,
        fast_schema_ids=view.fast_ids,
        general=view.general,
        verdicts={},
    )
    return [_told(row) for row in outcome.rows]


def _told(row: Any) -> Told:
    parts = [
        row[name].tobytes() for name in ("kind", "reason", "timestamp_us", "request_id", "a", "b", "sum", "digest")
    ]
    assert KIND_NAMES[int(row["kind"])] in ("COUNTED", "POISON")
    return Told(REASON_NAMES[int(row["reason"])], hashlib.blake2b(b"".join(parts), digest_size=16).hexdigest())


# -- the file --------------------------------------------------------------------------------------------------------


def read_corpus() -> tuple[dict[int, str], list[tuple[Case, Told]]]:
    """Return the schemas and the records with their verdicts."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    schemas = {int(schema_id): text for schema_id, text in content["schemas"].items()}
    rows = [
        (
            Case(each["name"], _bytes(each["key"]), _bytes(each["value"]), _bytes(each.get("header"))),
            Told(each["reason"], each["row"]),
        )
        for each in content["records"]
    ]
    return schemas, rows


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else bytes.fromhex(text)


def _hex(data: bytes | None) -> str | None:
    return None if data is None else data.hex()


def _write() -> int:
    cases, schemas = list(golden_cases()), golden_schemas()
    told = told_by_consumer(cases, consumer_schemas(schemas))
    before = dict(read_corpus()[1]) if FILE.exists() else {}
    found = dict(zip(cases, told, strict=True))
    changed = [case.name for case, verdict in before.items() if found.get(case) != verdict]
    if changed:
        sys.stderr.write(f"these records have another verdict now, or are gone: {', '.join(changed[:10])}\n")
        return 1
    records = [
        {"name": case.name, "key": _hex(case.key), "value": _hex(case.value)}
        | ({} if case.header is None else {"header": _hex(case.header)})
        | {"reason": verdict.reason, "row": verdict.row}
        for case, verdict in found.items()
    ]
    lines = ",\n".join(json.dumps(record) for record in records)
    named = json.dumps({str(schema_id): text for schema_id, text in schemas.items()}, indent=1)
    FILE.write_text(f'{{"schemas": {named},\n"records": [\n{lines}\n]}}\n', encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(_write())
