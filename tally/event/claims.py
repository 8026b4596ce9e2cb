"""What the dead letters of a partition claim, and how far that is believed: a dead letter is a hint.

Anybody who may write to the dead-letter topic can write a letter about any record. So a letter counts only for the very
record that it is about, by the digest of key and value that the POISON row holds, and decides only what the record
itself cannot tell any more:

* FRAMING, UNDECODABLE, OUT_OF_RANGE, WRONG_SUM, WRONG_KEY and WRONG_PARTITION follow from the bytes. They are decided
  again; a letter that says so only tells that the verdict is published.
* UNKNOWN_SCHEMA and UNREADABLE_SCHEMA depend on what the registry knew when the record was read. They are taken over,
  but never for our own schema nor for one that the ledger has counted records of: those were known before.

A letter of an earlier version has no digest in its headers; its copy of the record is hashed instead.
"""

import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final, TypeAlias

import fastavro

from tally.base.framing import unframe
from tally.event.classify import Fetched
from tally.event.codes import REASON_NAMES, UNKNOWN_SCHEMA, UNREADABLE_SCHEMA
from tally.event.dead_letter import REASON, SOURCE_DIGEST, SOURCE_OFFSET, SOURCE_PARTITION, SOURCE_TOPIC_ID
from tally.event.digest import DIGEST_BYTES, undecoded
from tally.generated.avro.dead_letter import DeadLetter
from tally.generated.topics import SUMS

ForeignHeaders: TypeAlias = Mapping[str, str | bytes | None] | Sequence[tuple[str, str | bytes | None]]

TAKEN_OVER: Final = frozenset({UNKNOWN_SCHEMA, UNREADABLE_SCHEMA})
"""Reasons that a record's bytes do not tell again."""
_OFFSET_DIGITS_MAX: Final = 19
_NO_SCHEMA_ID: Final = -1


@dataclass(frozen=True, slots=True)
class Claim:
    """What one letter says: a reason's code, of the record with this digest."""

    reason: int
    digest: bytes


@dataclass(frozen=True)
class Claims:
    """All letters of a partition by source offset, each offset's in the order of the dead-letter topic.

    ``own_schema_id`` is that of our own subject's schema in the registry.
    """

    by_offset: Mapping[int, tuple[Claim, ...]] = field(default_factory=dict)
    own_schema_id: int = _NO_SCHEMA_ID

    def taken_over(self, fetched: Fetched, pinned: Mapping[int, str]) -> dict[int, int]:
        """Return offset -> reason's code of the records whose letter decides.

        ``pinned``: the ledger's schema ids with their fingerprints.
        """
        if not self.by_offset:
            return {}
        own_ids = frozenset({self.own_schema_id, *(k for k, v in pinned.items() if v == SUMS.fingerprint)})
        found = {}
        for position, offset in enumerate(fetched.offsets.tolist()):
            said = [claim for claim in self.by_offset.get(offset, ()) if claim.reason in TAKEN_OVER]
            if not said:
                continue
            schema = fetched.schema_name(position, own_ids)
            if schema is None or schema == self.own_schema_id or schema in pinned:
                continue
            digest = undecoded(fetched.keys[position], fetched.values[position])
            reasons = [claim.reason for claim in said if claim.digest == digest]
            if reasons:
                found[offset] = reasons[0]
        return found

    def below(self, offset: int) -> "Claims":
        """Return the claims about records below an offset."""
        return replace(self, by_offset={at: said for at, said in self.by_offset.items() if at < offset})

    def is_published(self, offset: int, reason: int, digest: bytes) -> bool:
        """Tell whether the letter of a POISON row is there."""
        return Claim(reason, digest) in self.by_offset.get(offset, ())


NO_CLAIMS: Final = Claims()


def claim_of(
    headers: ForeignHeaders | None, value: bytes | None, topic_id: str, partition: int
) -> tuple[int, Claim] | None:
    """Return (source offset, claim) of a letter about this very topic and partition; None of any other record."""
    found = dict(headers or ())
    if found.get(SOURCE_TOPIC_ID) != topic_id.encode() or found.get(SOURCE_PARTITION) != str(partition).encode():
        return None
    try:
        text, offset_text = _text(found[REASON]), _text(found[SOURCE_OFFSET])
        reason = REASON_NAMES.index(text)
        digest = bytes.fromhex(_text(found[SOURCE_DIGEST])) if SOURCE_DIGEST in found else _digest_of_copy(value)
    except (KeyError, ValueError):
        return None
    if reason == 0 or len(digest) != DIGEST_BYTES or not _is_offset(offset_text):
        return None
    return int(offset_text), Claim(reason, digest)


def _is_offset(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= _OFFSET_DIGITS_MAX


def _digest_of_copy(value: bytes | None) -> bytes:
    """Return the digest of the record that a letter holds. Raises ValueError when it is no letter of ours."""
    try:
        _, body = unframe(value or b"")
        letter: Any = fastavro.schemaless_reader(io.BytesIO(body), _COPY, None)
        return undecoded(letter["key"], letter["value"])
    except Exception as error:  # fastavro raises many types on hostile bytes
        raise ValueError(f"not a dead letter: {error}") from error


def _text(value: str | bytes | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""


def _up_to_the_copy() -> Any:
    """Return the fields that every version of the contract begins with, the last of them the copy of the value."""
    schema = json.loads(DeadLetter.SCHEMA)
    names = [each["name"] for each in schema["fields"]]
    return schema | {"fields": schema["fields"][: names.index("value") + 1]}


_COPY: Final = fastavro.parse_schema(_up_to_the_copy())
