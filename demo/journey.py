"""The steps of the demonstration, in order."""

import asyncio
import csv
import time
from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Final

from demo.counting import RestTotal, wait_counted
from demo.dataset import COLUMN_A, COLUMN_B
from demo.havoc import PLAN, Havoc
from demo.screen import Check, Screen
from demo.truth import Truth
from stack import Stack
from tally.cli.loading.csv_source import Dialect
from tally.cli.loading.load_summary import table
from tally.cli.loading.loading import CsvFile, Load, LoadReport, nothing
from tally.cli.loading.rejects import RejectsFile
from tally.client.client import Client
from tally.client.outcomes import Position, Refused
from tally.client.retry import RetryPolicy
from tally.client.sending import Environment, Retry
from tally.ledger.verify import Report, verify_directory

POLICY: Final = RetryPolicy(deadline_s=120.0)
"""Outlasts a restart on a slow machine."""

_OUTAGE_TOLD_S: Final = 3.0
_TOO_MANY_DIGITS: Final = "1.0000000001"
_DIALECT: Final = Dialect(COLUMN_A, COLUMN_B)


class Journey:
    """Each method is a step; the checks gather up."""

    def __init__(self, stack: Stack, file: Path, truth: Truth, screen: Screen) -> None:
        self._stack = stack
        self._file = file
        self._truth = truth
        self._screen = screen
        self.checks: list[Check] = []

    async def load_under_fire(self) -> RestTotal:
        """Load the file while producer and consumer are killed; return what is counted then."""
        havoc = Havoc(self._stack, self._truth.usable, self._screen.say)

        async def after_batch(report: LoadReport) -> None:
            await havoc.at(report.acknowledged)

        report = await self._load(self._file, after_batch)
        await havoc.calm()
        counted = await self._counted(report.positions)
        self.checks += [
            Check.equal("rows in the file", self._truth.rows, report.rows),
            Check.equal("rows acknowledged", self._truth.usable, report.acknowledged),
            Check.equal("rows in the rejects file", self._truth.rejects, _rejects_count(self._file)),
            Check.equal("SIGKILLs survived", len(PLAN), havoc.kills),
            Check.equal("counted", self._truth.usable, counted.count),
            Check.equal("total = sum of the CSV", self._truth.total, counted.total),
        ]
        return counted

    async def load_again(self, before: RestTotal) -> RestTotal:
        """Load the same file again and show that each row was recognised and none counted."""
        report = await self._load(self._file)
        counted = await self._counted(report.positions)
        in_ledger = counted.duplicates - before.duplicates
        self._screen.say(f"recognised {report.duplicates:,} in the producer's cache and {in_ledger:,} in the ledger")
        self.checks += [
            Check.equal("second load: rows acknowledged", self._truth.usable, report.acknowledged),
            Check.at_least("second load: recognised as duplicates", self._truth.usable, report.duplicates + in_ledger),
            Check.equal("second load: counted, unchanged", self._truth.usable, counted.count),
            Check.equal("second load: total, unchanged", self._truth.total, counted.total),
            Check.equal("conflicts and poison", 0, counted.conflicts + counted.poison),
        ]
        return counted

    async def refuse_too_many_digits(self, before: RestTotal) -> None:
        """Show that a number with too many digits is rejected by the client and refused by the service."""
        file = self._file.with_name("too-many-digits.csv")
        file.write_text(f"{COLUMN_A},{COLUMN_B}\n{_TOO_MANY_DIGITS},1\n", encoding="utf-8")
        report = await self._load(file)
        self._screen.say(f"rejects file: {_rejects_of(file).read_text(encoding='utf-8').splitlines()[-1]}")
        async with Client(self._stack.grpc_target, policy=POLICY) as client:
            outcome = await client.add(_TOO_MANY_DIGITS, "1")
        told = outcome.status if isinstance(outcome, Refused) else type(outcome).__name__
        self._screen.say(f"sent to the service all the same: {told}")
        counted = await self._counted({})
        self.checks += [
            Check.equal("too many digits: rows that the client rejects", 1, report.rejected - report.acknowledged),
            Check.equal("too many digits: the service's answer", "INVALID_ARGUMENT", told),
            Check.equal("too many digits: total, unchanged", before.total, counted.total),
        ]

    def verify(self) -> None:
        """Read the ledgers from disk again, without any service."""
        report: Report = verify_directory(self._stack.data_dir / "consumer")
        for problem in report.problems:
            self._screen.say(f"{problem.file} at byte {problem.position_bytes:,}: {problem.what}")
        total = Decimal(sum(ledger.counts.total for ledger in report.ledgers)).scaleb(-9)
        self._screen.say(f"{len(report.ledgers)} ledgers read: every CRC, chain, sum and count checked")
        self.checks += [
            Check.equal("ledgers on disk: problems", 0, len(report.problems)),
            Check.equal(
                "ledgers on disk: counted", self._truth.usable, sum(each.counts.counted for each in report.ledgers)
            ),
            Check.equal("ledgers on disk: total", self._truth.total, total),
        ]

    async def _load(self, file: Path, after_batch: Callable[[LoadReport], Awaitable[None]] = nothing) -> LoadReport:
        began_s = time.monotonic()
        outage = _Outage(self._screen)
        environment = Environment(on_retry=outage.retrying)
        with CsvFile(file, _DIALECT, self._stack.data_dir) as source, RejectsFile(_rejects_of(file)) as rejects:
            load = Load(source, source.sha256, rejects)
            async with Client(self._stack.grpc_target, policy=POLICY, environment=environment) as client:
                await load.run(client, after_batch)
        self._screen.say(table(load.report, source.sha256, rejects))
        rate = load.report.acknowledged / max(time.monotonic() - began_s, 0.001)
        self._screen.say(f"{time.monotonic() - began_s:.1f} s, {rate:,.0f} rows/s")
        return load.report

    async def _counted(self, positions: Mapping[int, Position]) -> RestTotal:
        counted = await asyncio.to_thread(wait_counted, self._stack.rest_url, positions)
        self._screen.say(f"GET /v1/total: {counted.total} from {counted.count:,} sums")
        return counted


class _Outage:
    """Tells that the service does not answer, once in a while and not at each attempt of each batch."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._quiet_until_s = 0.0

    def retrying(self, retry: Retry) -> None:
        if time.monotonic() > self._quiet_until_s:
            self._quiet_until_s = time.monotonic() + _OUTAGE_TOLD_S
            self._screen.say(f"the client sends again, under the same request ids ({retry.failure.status})")


def _rejects_of(file: Path) -> Path:
    return file.with_name(f"{file.name}.rejects.csv")


def _rejects_count(file: Path) -> int:
    """Count the records of the rejects file below its header."""
    with _rejects_of(file).open(encoding="utf-8", newline="") as rejects:
        return sum(1 for _ in csv.reader(rejects)) - 1
