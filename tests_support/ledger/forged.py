"""Ledgers that are sound in themselves and contradict their topic: what a partition is REFUSED for."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self
from unittest import mock

from tally.event.rows import Rows
from tally.ledger.format import header
from tally.ledger.format.identity import Identity
from tally.ledger.format.witness import Witness, encode
from tally.ledger.state.fold import LedgerState
from tally.ledger.storage.ledger import Ledger, Opened
from tally.ledger.verify import verify_directory

ROWS_MAX = 1_000_000


@dataclass(frozen=True)
class Forgery:
    """What a ledger says: whose it is, its rows, and the schemas they were read with; ``write`` makes files of it."""

    identity: Identity
    rows: Rows
    schemas: dict[int, str]

    @classmethod
    def of(cls, directory: Path) -> Self:
        """Return what the ledger of a stopped consumer says."""
        (report,) = verify_directory(directory).ledgers
        assert report.identity is not None, report.problems
        ledger = _open(directory, report.identity).ledger
        try:
            return cls(report.identity, ledger.view.read(-1, ROWS_MAX), dict(ledger.schemas))
        finally:
            ledger.close()

    def belonging_to(self, **identity: object) -> Self:
        """Return it as the ledger of something else."""
        return replace(self, identity=replace(self.identity, **identity))  # type: ignore[arg-type]

    def with_other_time(self, row: int) -> Self:
        """Return it with another timestamp in a row."""
        rows = self.rows.copy()
        rows["timestamp_us"][row] += 1
        return replace(self, rows=rows)

    def without_last(self) -> Self:
        """Return it without its last row."""
        return replace(self, rows=self.rows[:-1].copy())

    def with_last_at(self, offset: int) -> Self:
        """Return it with its last row at a higher offset."""
        rows = self.rows.copy()
        assert offset > rows["offset"][-1]
        rows["offset"][-1] = offset
        return replace(self, rows=rows)

    def witness(self, **changes: object) -> str:
        """Return the metadata of a commit at its end, with some fields changed."""
        state = LedgerState.empty().advance(self.rows)
        own = self.identity
        made = Witness(state.counts, state.chain.value, own.topic_id, own.fold_version, owner_url="")
        return encode(replace(made, **changes))  # type: ignore[arg-type]

    def write(self, directory: Path, *, format_version: int = header.FORMAT_VERSION) -> None:
        """Put it in a ledger's place."""
        shutil.rmtree(directory)
        with mock.patch.object(header, "FORMAT_VERSION", format_version):
            ledger = _open(directory, self.identity).ledger
            ledger.append(self.rows, LedgerState.empty().advance(self.rows), self.schemas)
            ledger.close()


def _open(directory: Path, identity: Identity) -> Opened:
    opened = Ledger.open(directory, identity)
    assert isinstance(opened, Opened), opened
    return opened
