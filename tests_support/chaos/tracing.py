"""Faults at system calls, by strace where it exists and may trace."""

import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from tests_support.waiting import eventually


@cache
def no_strace() -> str:
    """Return why strace cannot be used here, or nothing."""
    if shutil.which("strace") is None:
        return "strace is not installed (Debian: apt-get install strace)"
    tried = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True, text=True, check=False)
    return f"strace may not trace here: {tried.stderr.strip()}" if tried.returncode else ""


@contextmanager
def traced(pid: int, folder: Path, injection: str) -> Iterator[Path]:
    """Attach to all threads of a process with a fault such as ``inject=fdatasync:error=EIO:when=1``; yield the trace.

    The count begins when this returns.
    """
    call = injection.partition("=")[2].partition(":")[0]
    trace, said = folder / f"strace-{uuid.uuid4().hex[:6]}.log", folder / f"strace-{uuid.uuid4().hex[:6]}.err"
    command = ["strace", "-f", "-p", str(pid), "-o", str(trace), "-e", f"trace={call}", "-e", injection]
    with said.open("wb") as errors:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
    try:
        eventually(
            lambda: "attached" in said.read_text(),
            20,
            lambda: f"strace is attached to {pid}, it says: {said.read_text()}",
        )
        yield trace
    finally:
        process.terminate()  # it lets go of what still lives
        process.wait(20)
