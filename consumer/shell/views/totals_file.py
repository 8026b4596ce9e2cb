"""``totals.json`` beside the ledgers: for people, replaced atomically, never read back."""

import json
from pathlib import Path

from consumer.core.snapshot import Total
from tally.base.written_file import write_file
from tally.event.decimals import text_of


def write_totals(path: Path, total: Total, as_of: str) -> None:
    """Replace the file. Raises OSError; the ledgers do not depend on it, so it is not synced."""
    content = {
        "about": "For people. The ledgers are the truth; nothing reads this file.",
        "as_of": as_of,
        "total": text_of(total.counts.total),
        "count": total.counts.counted,
        "duplicates": total.counts.duplicates,
        "conflicts": total.counts.conflicts,
        "poison": total.counts.poison,
        "complete": total.complete,
        "partitions": [
            {
                "partition": part.partition,
                "state": part.state.value,
                "next_offset": None if part.figures is None else part.figures.next_offset,
                "count": None if part.figures is None else part.figures.counts.counted,
                "total": None if part.figures is None else text_of(part.figures.counts.total),
            }
            for part in total.partitions
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, json.dumps(content, indent=2) + "\n", durable=False)
