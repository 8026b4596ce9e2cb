"""Runs buf, the one of this very environment, offline and with nothing kept."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

from codegen.errors import CodegenError

_TIMEOUT_S: Final = 60


def run_buf(workspace: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run buf in a folder. Raises CodegenError when it is not installed or does not end."""
    folders = (sysconfig.get_path("scripts"), str(Path(sys.executable).parent))
    executable = next((path for folder in folders if (path := Path(folder) / "buf").exists()), None)
    if executable is None:
        raise CodegenError("buf is not installed in this environment; install buf-bin")
    environment = {
        "BUF_CACHE_DIR": str(workspace / "cache"),
        "HOME": str(workspace),
        "PATH": os.environ.get("PATH", ""),
    }
    try:
        return subprocess.run(
            [str(executable), *arguments],
            cwd=workspace,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise CodegenError(f"buf {arguments[0]} did not end within {_TIMEOUT_S} s") from error
