"""A process that kills the parts of a stack when the process that wanted them is gone, however it went.

Only stacks of tests, demos and benchmarks have one; what `just up` starts is meant to stay. The guard reads a pipe
whose other end only the caller holds: its end of file is the caller's end. It works alike on Linux and macOS, and,
unlike a signal at the parent's death, does not mind which thread started a part.
"""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Final

from stack import processes

_ROOT: Final = Path(__file__).resolve().parent.parent
_END_DEADLINE_S: Final = 10.0


class Guard:
    """The caller's side."""

    def __init__(self, run_dir: Path) -> None:
        self._run_dir = run_dir
        self._process: subprocess.Popen[bytes] | None = None

    def watch(self) -> None:
        """Start the guard, once. Called before the first part is started."""
        if self._process is not None and self._process.poll() is None:
            return
        self._process = subprocess.Popen(
            [sys.executable, "-c", "from stack.guard import main; main()", str(self._run_dir)],
            cwd=_ROOT,
            stdin=subprocess.PIPE,
            start_new_session=True,
        )

    def dismiss(self) -> None:
        """Dismiss the guard once the parts have been stopped."""
        if self._process is None or self._process.stdin is None:
            return
        self._process.stdin.close()
        try:
            self._process.wait(_END_DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None


def kill_all(run_dir: Path) -> None:
    """Kill every marked process of a run folder."""
    for file in sorted(run_dir.glob("*.json")):
        mark = processes.read_mark(file)
        if mark is not None:
            processes.send(mark, signal.SIGKILL)


def main() -> None:
    """Wait for the caller's end, then kill."""
    sys.stdin.buffer.read()
    kill_all(Path(sys.argv[1]))
