"""The witness: what the ledger amounts to at a committed offset, stored as that commit's metadata string.

Compact JSON, at most 4,095 characters (a broker's limit as librdkafka applies it), with a format version first.
Totals are decimal text in it, chains hex.
"""

import json
from dataclasses import dataclass
from typing import Any, Final

from tally.event.decimals import text_of
from tally.ledger.format.mark import unscaled_of
from tally.ledger.state.chain import CHAIN_BYTES
from tally.ledger.state.counts import Counts

CHARACTERS_MAX: Final = 4095
FORMAT_VERSION: Final = 1


@dataclass(frozen=True)
class Witness:
    """``chain`` is 16 bytes at the committed offset; ``owner_url`` of the owner's REST, perhaps ""."""

    counts: Counts
    chain: bytes
    topic_id: str
    fold_version: int
    owner_url: str


@dataclass(frozen=True)
class NoWitness:
    """The metadata is not a witness of this format; ``why`` is a sentence."""

    why: str


def encode(witness: Witness) -> str:
    """Return the text. Raises ValueError when it is longer than CHARACTERS_MAX."""
    counts = witness.counts
    values = {
        "tally": FORMAT_VERSION,
        "counted": counts.counted,
        "total": text_of(counts.total),
        "duplicates": counts.duplicates,
        "conflicts": counts.conflicts,
        "poison": counts.poison,
        "chain": witness.chain.hex(),
        "topic_id": witness.topic_id,
        "fold_version": witness.fold_version,
        "owner_url": witness.owner_url,
    }
    text = json.dumps(values, separators=(",", ":"))
    if len(text) > CHARACTERS_MAX:
        raise ValueError(f"a witness of {len(text)} characters; at most {CHARACTERS_MAX} fit a commit's metadata")
    return text


def decode(text: str | None) -> Witness | NoWitness:
    """Return the witness of a commit's metadata; never raises."""
    if not text:
        return NoWitness("the commit has no metadata")
    try:
        values = json.loads(text)
        if not isinstance(values, dict) or values.get("tally") != FORMAT_VERSION:
            return NoWitness(f"the commit's metadata is not a witness of format {FORMAT_VERSION}")
        return _checked(values)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        return NoWitness(f"the commit's metadata is a damaged witness: {error!r}")


def _checked(values: dict[str, Any]) -> Witness:
    counts = [values[name] for name in ("counted", "duplicates", "conflicts", "poison", "fold_version")]
    if not all(type(count) is int and count >= 0 for count in counts):
        raise ValueError("a count is not a whole number from 0")
    texts = [values[name] for name in ("topic_id", "owner_url")]
    if not all(isinstance(text, str) for text in texts):
        raise ValueError("a text is not a string")
    chain = bytes.fromhex(values["chain"])
    if len(chain) != CHAIN_BYTES:
        raise ValueError(f"a chain of {len(chain)} bytes")
    counted, duplicates, conflicts, poison, fold_version = counts
    known = Counts(counted, duplicates, conflicts, poison, unscaled_of(values["total"]))
    return Witness(known, chain, texts[0], fold_version, texts[1])
