"""The real `codegen` as a process of its own, in a folder of contracts that a test may change."""

import os
import subprocess
import sys
from pathlib import Path

from tests_support.checkout import ROOT

_DEADLINE_S = 120


def codegen(folder: Path, *arguments: str, code: int = 0, **environment: str) -> str:
    """Run codegen in a folder, require its exit code and return what it said; ``environment`` goes before ours."""
    done = subprocess.run(
        [sys.executable, "-m", "codegen", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=_DEADLINE_S,
        check=False,
    )
    assert done.returncode == code, done.stdout
    return done.stdout
