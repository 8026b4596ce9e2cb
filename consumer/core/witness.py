"""The witness: what the ledger amounts to at a committed offset, stored as that commit's metadata string.

Compact JSON, at most 4,095 characters (a broker's limit as librdkafka applies it), with a format version first.
"""

from dataclasses import dataclass
from typing import Final

CHARACTERS_MAX: Final = 4095
FORMAT_VERSION: Final = 1


@dataclass(frozen=True)
class Witness:
    """``total`` unscaled; ``chain`` 16 bytes at the committed offset; ``owner_url`` of the owner's REST, perhaps ""."""

    counted: int
    total: int
    duplicates: int
    conflicts: int
    poison: int
    chain: bytes
    topic_id: str
    fold_version: int
    owner_url: str


@dataclass(frozen=True)
class Unreadable:
    """The metadata is not a witness of this format; ``why`` is a sentence."""

    why: str


def encode(witness: Witness) -> str:
    """Return the text. Raises ValueError when it is longer than CHARACTERS_MAX."""
    raise NotImplementedError


def decode(text: str | None) -> Witness | Unreadable:
    """Return the witness of a commit's metadata; never raises."""
    raise NotImplementedError
