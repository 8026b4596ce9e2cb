"""A process that keeps one dockerd as long as the process that wanted it lives, however that ends.

It reads a pipe whose other end only the caller holds (compare ``stack.guard``). At its end of file dockerd is ended by
its process id, the machine is put back as it was, and the engine's state is deleted: a test run that is killed leaves
nothing behind either. ``python -m tests_support.compose.keeper ENGINE STATE PATH...``
"""

import contextlib
import select
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import psutil

from tests_support.compose import host

SCRIPT: Final = Path(__file__).with_name("dockerd.sh")
_END_DEADLINE_S: Final = 90.0
_LOOK_S: Final = 1.0


def main(arguments: list[str]) -> int:
    """Keep the engine until standard input ends; return 0 when it had to be ended and did end."""
    engine, state, *paths = map(Path, arguments)
    before = host.look(engine)
    log = state / "dockerd.log"
    with log.open("wb") as output:
        command = ["unshare", "--mount", "--propagation", "private", str(SCRIPT), str(engine), str(state)]
        dockerd = subprocess.Popen(
            [*command, *map(str, paths)], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    (state / "pid").write_text(str(dockerd.pid), encoding="ascii")
    code = 1
    try:
        while dockerd.poll() is None and not select.select([sys.stdin], [], [], _LOOK_S)[0]:
            pass  # the caller lives
        code = 0 if dockerd.poll() is None else 1
        _end(dockerd)
    finally:
        before.restore()
        if code == 0:
            shutil.rmtree(state, ignore_errors=True)
    return code


def _end(dockerd: subprocess.Popen[bytes]) -> None:
    """End dockerd, which ends the containers; what is left of its children after the deadline is killed."""
    children = psutil.Process(dockerd.pid).children(recursive=True) if dockerd.poll() is None else []
    dockerd.terminate()
    try:
        dockerd.wait(_END_DEADLINE_S)
    except subprocess.TimeoutExpired:
        dockerd.kill()
        dockerd.wait()
    _, alive = psutil.wait_procs(children, timeout=5)
    for child in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
