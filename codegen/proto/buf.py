"""Runs buf, the one of this very environment, offline and with nothing kept."""

import os
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Final

from codegen.errors import CodegenError

_TIMEOUT_S: Final = 60


def own_program(name: str, package: str) -> Path:
    """Return a program of this very environment, whatever PATH says. Raises CodegenError that names its package."""
    for folder in (sysconfig.get_path("scripts"), str(Path(sys.executable).parent)):
        if (path := Path(folder) / name).exists():
            return path
    raise CodegenError(f"{name} is not installed in this environment; install {package}")


def run_buf(workspace: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run buf in a folder. Raises CodegenError when it is not installed or does not end."""
    executable = own_program("buf", "buf-bin")
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
