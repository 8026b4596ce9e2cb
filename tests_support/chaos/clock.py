"""A wall clock of its own for a service under test, which a test sets while the service runs; see clock.c."""

import shutil
import struct
import subprocess
import sys
from pathlib import Path
from typing import Final

_SOURCE: Final = Path(__file__).with_name("clock.c")
_COMPILE_S: Final = 60


def no_clock() -> str:
    """Return why a process cannot be given another clock here, or nothing."""
    if sys.platform != "linux":
        return "a clock of its own needs LD_PRELOAD as Linux and glibc have it"
    return "" if shutil.which("cc") else "a clock of its own is compiled: no cc on this machine"


class Clock:
    """One clock for all processes whose command begins with ``prefix``; it shows the machine's time until it is set."""

    def __init__(self, folder: Path) -> None:
        """Compile into ``folder``. Raises CalledProcessError."""
        self._file = folder / "clock-offset-s"
        self.set(0)
        library = str(folder / "clock.so")
        command = ["cc", "-shared", "-fPIC", "-O2", "-Wall", "-Wextra", "-Werror", "-o", library, str(_SOURCE), "-ldl"]
        subprocess.run([*command, "-pthread"], check=True, timeout=_COMPILE_S)
        self.prefix = ["env", f"LD_PRELOAD={library}", f"TALLY_TEST_CLOCK={self._file}"]

    def set(self, offset_s: int) -> None:
        """Show so many seconds more than the machine's clock from now on."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("=q", offset_s))
