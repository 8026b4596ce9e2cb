"""How far a load is, on standard error: a bar on a terminal, else a plain line at each tenth."""

import sys
from typing import Protocol, TextIO

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from tally.base.shown.terminal import unguarded
from tally.base.shown.values import printable
from tally.cli.loading.loading import LoadReport
from tally.client.sending import Retry


class LoadProgress(Protocol):
    """What a load tells while it runs."""

    def __enter__(self) -> "LoadProgress": ...

    def __exit__(self, *_error: object) -> None: ...

    def update(self, report: LoadReport) -> None:
        """Show how far it is."""
        ...

    def retrying(self, retry: Retry) -> None:
        """Show that the service does not answer; called before each pause."""
        ...


def stderr_progress(size_bytes: int) -> LoadProgress:
    """Return the progress of a command: on standard error, so that its output stays clean."""
    console = Console(file=unguarded(sys.stderr))
    return _Bar(console, size_bytes) if console.is_terminal else _PlainProgress(sys.stderr, size_bytes)


class _Bar:
    def __init__(self, console: Console, size_bytes: int) -> None:
        columns = (BarColumn(), TaskProgressColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
        self._progress = Progress(*columns, console=console)
        self._task = self._progress.add_task(_counts(LoadReport()), total=max(size_bytes, 1))

    def __enter__(self) -> "LoadProgress":
        self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._progress.stop()

    def update(self, report: LoadReport) -> None:
        self._progress.update(self._task, completed=report.bytes_read, description=_counts(report))

    def retrying(self, retry: Retry) -> None:
        self._progress.update(self._task, description=_waiting(retry))


class _PlainProgress:
    def __init__(self, stream: TextIO, size_bytes: int) -> None:
        self._stream = stream
        self._size_bytes = max(size_bytes, 1)
        self._tenths = 0
        self._told_retry = False

    def __enter__(self) -> "LoadProgress":
        return self

    def __exit__(self, *_error: object) -> None:
        self._stream.flush()

    def update(self, report: LoadReport) -> None:
        self._told_retry = False
        tenths = 10 * report.bytes_read // self._size_bytes
        if tenths > self._tenths:
            self._tenths = tenths
            print(f"{tenths * 10:3d} %  {_counts(report)}", file=self._stream, flush=True)

    def retrying(self, retry: Retry) -> None:
        if not self._told_retry:  # once an outage, not once an attempt
            self._told_retry = True
            print(f"       {_waiting(retry)}", file=self._stream, flush=True)


def _counts(report: LoadReport) -> str:
    return f"{report.acknowledged:,} acknowledged, {report.rejected:,} rejected"


def _waiting(retry: Retry) -> str:
    return printable(f"trying again ({retry.failure.status}: {' '.join(retry.failure.reason.split())[:100]})")
