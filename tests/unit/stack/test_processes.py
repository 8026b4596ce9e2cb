"""Processes that outlive their starter, and marks that never name a stranger."""

import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from stack import processes
from stack.guard import Guard
from stack.processes import Mark, beginning_of, end, is_alive, kill, read_mark, start, wait_gone
from tests_support.waiting import eventually

SLEEPER = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)",
]


@pytest.fixture
def begin(tmp_path):
    started: list[Mark] = []

    def begin(command=SLEEPER) -> Mark:
        log = tmp_path / f"log-{len(started)}"
        mark = start(command, os.environ, tmp_path, log, tmp_path / f"{len(started)}.json")
        started.append(mark)
        eventually(lambda: "up" in log.read_text() or not is_alive(mark), 20, "the process says up")
        return mark

    yield begin
    for mark in started:
        processes.send(mark, signal.SIGKILL)


def test_a_mark_reads_back_as_it_was_written(begin, tmp_path):
    """The mark of a started process is read back from its file and names a living process."""
    mark = begin()
    assert read_mark(tmp_path / "0.json") == mark
    assert is_alive(mark)


def test_a_process_that_has_the_pid_of_a_mark_by_chance_is_neither_alive_nor_signalled(begin):
    """A process that only reuses a marked pid is never signalled."""
    mark = begin()
    stranger = replace(mark, beginning="another time")
    assert not is_alive(stranger)
    end(stranger, 1.0)
    kill(stranger)
    assert is_alive(mark)


def test_a_process_that_ends_at_sigterm_is_not_killed(begin):
    """A process that ends at SIGTERM within its time is gone without a kill."""
    mark = begin()
    said: list[str] = []
    end(mark, 20.0, said.append)
    assert not is_alive(mark)
    assert said == []


def test_a_process_that_ignores_sigterm_is_killed_after_the_deadline_and_it_is_said(begin):
    """A process that ignores SIGTERM is killed after its time, which is reported."""
    mark = begin(STUBBORN)
    said: list[str] = []
    end(mark, 0.2, said.append)
    assert not is_alive(mark)
    assert said == [f"process {mark.pid} did not end within 0 s: killed"]


def test_a_process_has_a_session_of_its_own_so_that_ctrl_c_does_not_reach_it(begin):
    """A started part leads a session of its own, so Ctrl-C in the terminal does not reach it."""
    mark = begin()
    assert os.getsid(mark.pid) == mark.pid != os.getsid(0)


def test_a_dead_child_is_gone_although_nobody_waited_for_it(begin):
    """A part that ended is reaped and counts as gone."""
    mark = begin([sys.executable, "-c", "pass"])
    assert wait_gone(mark, 20.0)
    assert not psutil.pid_exists(mark.pid)


def test_a_zombie_of_another_process_is_gone(tmp_path):
    """A zombie whose parent never reaps it counts as a process that is gone."""
    # The parent starts a child that ends at once and never waits for it.
    code = "import os, time; pid = os.fork(); pid or os._exit(0); print(pid, flush=True); time.sleep(600)"
    log = tmp_path / "log"
    parent = start([sys.executable, "-c", code], os.environ, tmp_path, log, tmp_path / "parent.json")
    try:
        eventually(lambda: log.read_text().strip(), 20, "the child's pid")
        child = int(log.read_text())
        eventually(lambda: psutil.Process(child).status() == psutil.STATUS_ZOMBIE, 20, "the child is a zombie")
        assert beginning_of(child) is None
    finally:
        kill(parent)


def test_a_pid_that_nobody_has_did_not_begin():
    """A process id that no process has gives no beginning."""
    assert beginning_of(2**22 + 1) is None


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": 1}'])
def test_a_mark_that_cannot_be_understood_is_none(tmp_path, content):
    """A mark file that is empty, torn or of another shape counts as no mark."""
    file = tmp_path / "mark.json"
    file.write_text(content)
    assert read_mark(file) is None


def test_a_guard_kills_what_is_marked_when_its_caller_is_killed(begin, tmp_path):
    """If the caller is killed, its guard kills the parts that it had started, even stubborn ones."""
    mark = begin(STUBBORN)
    code = (
        "import sys, time; from pathlib import Path; from stack.guard import Guard; "
        f"Guard(Path({str(tmp_path)!r})).watch(); print('up', flush=True); time.sleep(600)"
    )
    root = str(Path(__file__).resolve().parents[3])
    log, file = tmp_path / "caller-log", tmp_path / "elsewhere" / "caller.json"
    file.parent.mkdir()
    caller = start([sys.executable, "-c", code], {**os.environ, "PYTHONPATH": root}, tmp_path, log, file)
    eventually(lambda: "up" in log.read_text(), 20, "the caller has a guard")
    assert is_alive(mark)
    kill(caller)
    eventually(lambda: not is_alive(mark), 20, "the guard killed the part")


def words_of(process: psutil.Process) -> list[str]:
    """Return a process's command line, nothing of one that has ended meanwhile."""
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_a_guard_that_is_dismissed_after_the_parts_were_stopped_is_gone(tmp_path):
    """A dismissed guard leaves no process behind."""
    guard = Guard(tmp_path)
    guard.watch()
    [own] = [child for child in psutil.Process().children() if str(tmp_path) in words_of(child)]
    guard.dismiss()
    assert not own.is_running()
