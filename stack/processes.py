"""Starting, finding and ending processes that outlive the command that started them.

Theory of operation. A part's process is named by a *mark*: its pid and the moment it began, kept in ``run/PART.json``.
A pid alone may be somebody else's by now; pid and beginning together never are, so nothing here can signal a stranger.
States: no mark = stopped; a mark whose process lives = running; a mark whose process is gone = crashed (a stop removes
the mark, a crash cannot). A process of this package is always the leader of a session of its own, so that the
terminal's Ctrl-C does not reach it.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

from stack import log_writer
from tally.base.written_file import for_owner_only, write_file
from tally.service.private import UMASK

_POLL_S: Final = 0.05
_KILL_DEADLINE_S: Final = 10.0
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")
_LAST_WORDS_S: Final = 2.0
_CHILDREN: Final[dict[int, tuple["subprocess.Popen[bytes]", "subprocess.Popen[bytes]"]]] = {}
"""Processes that this one started, each with the writer of its log, and has not waited for yet: a dead child is a
zombie until its parent does."""


@dataclass(frozen=True)
class Mark:
    """One process, for ever: ``beginning`` is opaque text that no other process with this pid has."""

    pid: int
    beginning: str
    started_at_s: float  # seconds since 1970, for people


def beginning_of(pid: int) -> str | None:
    """Return when a process began, or None when there is no such process.

    A zombie is none, unless threads of it still end: a killed Java holds its ports until the last of them is gone.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE and not _has_threads(pid):
            return None
        if sys.platform == "linux":
            # Ticks since boot do not move when the clock is set; psutil's seconds since 1970 do.
            after_name = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
            return f"{_BOOT_ID.read_text(encoding='ascii').strip()}/{after_name[19]}"
        return f"{process.create_time():.2f}"
    except (psutil.Error, OSError):
        return None


def is_alive(mark: Mark) -> bool:
    """Tell whether the very process that was marked still runs."""
    _reap(mark.pid)
    return beginning_of(mark.pid) == mark.beginning


def start(
    command: Sequence[str],
    environment: Mapping[str, str],
    folder: Path,
    log: Path,
    mark_file: Path,
    *,
    private: bool = True,
) -> Mark:
    """Start a process detached from the terminal, its output in ``log``, and write its mark.

    Another process writes the log and keeps it below a size. ``private``: what it writes is for its user only.
    """
    log_writer.rotate(log)
    writer = log_writer.start(log)
    assert writer.stdin is not None
    with writer.stdin as output:
        process = subprocess.Popen(
            list(command),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=UMASK if private else -1,
        )
    mark = Mark(process.pid, beginning_of(process.pid) or "ended at once", time.time())
    write_mark(mark_file, mark)
    _CHILDREN[process.pid] = process, writer
    return mark


def run(command: Sequence[str], environment: Mapping[str, str], folder: Path, log: Path, timeout_s: float) -> int:
    """Run a process to its end, its output in ``log``, and return its exit code. Raises subprocess.TimeoutExpired."""
    log_writer.rotate(log)
    with open(log, "ab", opener=for_owner_only) as output:
        return subprocess.run(
            list(command),
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            timeout=timeout_s,
            check=False,
            umask=UMASK,
        ).returncode


def write_mark(path: Path, mark: Mark) -> None:
    """Write a mark so that a reader sees all of it or nothing."""
    write_file(path, json.dumps(asdict(mark)), private=True, durable=False)


def read_mark(path: Path) -> Mark | None:
    """Return the mark of a file, or None when there is none that can be read."""
    try:
        return Mark(**json.loads(path.read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def end(mark: Mark, deadline_s: float, say: Callable[[str], None] = lambda _: None) -> None:
    """End a process: SIGTERM, and SIGKILL when it still runs after ``deadline_s``. Returns when it is gone."""
    send(mark, signal.SIGTERM)
    if not wait_gone(mark, deadline_s):
        say(f"process {mark.pid} did not end within {deadline_s:.0f} s: killed")
        kill(mark)


def stop(mark_file: Path, deadline_s: float, say: Callable[[str], None]) -> bool:
    """End the process of a mark and remove the mark; tell whether the process ran."""
    mark = read_mark(mark_file)
    ran = mark is not None and is_alive(mark)
    if mark is not None and ran:
        end(mark, deadline_s, say)
    mark_file.unlink(missing_ok=True)
    return ran


def kill(mark: Mark) -> None:
    """Kill a process and return when it is gone."""
    send(mark, signal.SIGKILL)
    if not wait_gone(mark, _KILL_DEADLINE_S):
        raise TimeoutError(f"process {mark.pid} survived SIGKILL for {_KILL_DEADLINE_S:.0f} s")


def send(mark: Mark, number: signal.Signals) -> None:
    """Send a signal to the marked process, and to nobody else."""
    if is_alive(mark):
        try:
            os.kill(mark.pid, number)
        except ProcessLookupError:
            return


def wait_gone(mark: Mark, deadline_s: float) -> bool:
    """Wait until a process is gone; tell whether it is."""
    until_s = time.monotonic() + deadline_s
    while is_alive(mark):
        if time.monotonic() > until_s:
            return False
        time.sleep(_POLL_S)
    return True


def _has_threads(zombie: int) -> bool:
    return sys.platform == "linux" and len(os.listdir(f"/proc/{zombie}/task")) > 1


def _reap(pid: int) -> None:
    """Take a dead child of ours off the process table; a process that is not our child is left alone.

    Its log is then written to the end, unless something that it started still writes there.
    """
    child, writer = _CHILDREN.get(pid, (None, None))
    if child is not None and child.poll() is not None and writer is not None:
        _CHILDREN.pop(pid, None)
        with suppress(subprocess.TimeoutExpired):
            writer.wait(_LAST_WORDS_S)
