"""Reading a record of another writer's schema: Avro schema resolution, exactly.

Logical types are taken off before fastavro reads, since it would round a decimal of more digits than its precision;
a writer whose logical types differ from ours does not resolve: 5 with scale 4 is not 5 with scale 9.
"""

import io
import json
from dataclasses import dataclass
from typing import Any, Final

import fastavro

from tally.base.fingerprint import fingerprint_of
from tally.event.codes import UNDECODABLE, UNREADABLE_SCHEMA
from tally.event.int128 import from_bytes
from tally.event.plain_schema import LOGICAL, without_logical_types
from tally.event.strange_fields import StrangeFields, parsed
from tally.event.verdict import Event, Poison
from tally.generated.avro.sum_added import SumAdded

_DETAIL_CHARACTERS_MAX: Final = 200


@dataclass(frozen=True)
class Resolved:
    """A writer's schema made ready for fastavro, or ``refusal``: why it does not resolve to ours.

    ``strange``: set when fastavro alone must not step over the fields that only the writer has.
    """

    fingerprint: str
    writer: Any = None
    refusal: str | None = None
    strange: StrangeFields | None = None


def resolve(text: str) -> Resolved:
    """Return a writer's schema ready for ``read``. Never raises: a schema that is not Avro is a refusal."""
    fingerprint = fingerprint_of(text)
    try:
        writer = json.loads(text)
        if not isinstance(writer, dict) or writer.get("type") != "record":
            return Resolved(fingerprint, refusal="it is not a record")
        refusal = _logical_difference(writer)
        if refusal is not None:
            return Resolved(fingerprint, refusal=refusal)
        plain = parsed(without_logical_types(writer))
        strange = StrangeFields(plain)
        return Resolved(fingerprint, plain, strange=strange if strange.is_dangerous else None)
    except Exception as error:  # noqa: BLE001 - whatever a stranger's text does to a parser, it is unreadable
        return Resolved(fingerprint, refusal=f"it is not an Avro schema: {_short(error)}")


def read(resolved: Resolved, body: bytes) -> Event | Poison:
    """Return one body in our schema, or why not."""
    if resolved.refusal is not None:
        return Poison(UNREADABLE_SCHEMA, f"the writer's schema does not resolve to ours: {resolved.refusal}")
    stream = io.BytesIO(body)
    try:
        record = _record(resolved, stream)
    except fastavro.read.SchemaResolutionError as error:
        return Poison(UNREADABLE_SCHEMA, f"the writer's schema does not resolve to ours: {_short(error)}")
    except Exception as error:  # noqa: BLE001 - fastavro raises many types on hostile bytes, IndexError among them
        return Poison(
            UNDECODABLE, f"the bytes do not follow the writer's schema: {type(error).__name__} {_short(error)}"
        )
    left = len(body) - stream.tell()
    if left:
        return Poison(UNDECODABLE, f"{left} bytes are left after the record")
    a, b, total = (from_bytes(record[name]) for name in ("a", "b", "sum"))
    return Event(record["request_id"], a, b, total, record["added_at"])


def _record(resolved: Resolved, stream: io.BytesIO) -> Any:
    if resolved.strange is not None:
        return resolved.strange.read(stream, _READER)
    return fastavro.schemaless_reader(stream, resolved.writer, _READER)


def _logical_difference(writer: Any) -> str | None:
    """Return which field means something else in the writer's schema, None when all mean the same."""
    theirs = _field_types(writer)
    for name, ours in _OWN_TYPES.items():
        if name in theirs and _logical(theirs[name]) != _logical(ours):
            return f"{name} is {json.dumps(_logical(theirs[name]))} there and {json.dumps(_logical(ours))} here"
    return None


def _field_types(schema: Any) -> dict[str, Any]:
    fields = schema.get("fields", ()) if isinstance(schema, dict) else ()
    return {field["name"]: field["type"] for field in fields}


def _logical(kind: Any) -> dict[str, Any]:
    if not isinstance(kind, dict) or "logicalType" not in kind:
        return {}
    found = {name: kind[name] for name in LOGICAL if name in kind}
    return found | {"scale": found.get("scale", 0)} if kind["logicalType"] == "decimal" else found


def _short(error: Exception) -> str:
    text = " ".join(str(error).split())
    return text if len(text) <= _DETAIL_CHARACTERS_MAX else text[:_DETAIL_CHARACTERS_MAX] + "…"


_OWN: Final[Any] = json.loads(SumAdded.SCHEMA)
_OWN_TYPES: Final = _field_types(_OWN)
_READER: Final = fastavro.parse_schema(without_logical_types(_OWN))
