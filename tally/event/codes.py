"""The codes of a row: what became of a record, and why one is poison."""

from typing import Final

# The codes are the positions of the symbols in contracts/avro/ledger_row.avsc; a test compares them.
COUNTED: Final = 0
DUPLICATE: Final = 1
CONFLICT: Final = 2
POISON: Final = 3
MARK: Final = 4
KIND_NAMES: Final = ("COUNTED", "DUPLICATE", "CONFLICT", "POISON", "MARK")

NONE: Final = 0
FRAMING: Final = 1
UNKNOWN_SCHEMA: Final = 2
UNREADABLE_SCHEMA: Final = 3
UNDECODABLE: Final = 4
OUT_OF_RANGE: Final = 5
WRONG_SUM: Final = 6
WRONG_KEY: Final = 7
WRONG_PARTITION: Final = 8
REASON_NAMES: Final = (
    "NONE",
    "FRAMING",
    "UNKNOWN_SCHEMA",
    "UNREADABLE_SCHEMA",
    "UNDECODABLE",
    "OUT_OF_RANGE",
    "WRONG_SUM",
    "WRONG_KEY",
    "WRONG_PARTITION",
)
