"""The `tally` command as somebody types it beside a stack."""

import os
import subprocess
import sys

from stack import Stack
from stack.system import ROOT

COMMAND_S = 120.0


def tally(stack: Stack, *arguments: object, code: int = 0) -> str:
    """Run the command, require its exit code, and return all that it said."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("TALLY_")}
    done = subprocess.run(
        [sys.executable, "-m", "tally", *map(str, arguments)],
        env={**own, **stack.environment(), "PYTHONPATH": str(ROOT)},
        cwd=stack.data_dir, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=COMMAND_S,
        check=False,
    )  # fmt: skip
    assert done.returncode == code, done.stdout
    return done.stdout
