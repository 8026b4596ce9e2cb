"""Runs an installer, shows its progress, and explains its failure in one line with the cure."""

import re
import subprocess
import sys

from .checkout import ROOT, SetupError, say

_OUTPUT_LINES_KEPT = 400
_PROGRESS = re.compile(r"^\s*(Downloading|Downloaded|Building|Built|Resolved|Prepared|Installed|Collecting)\b")
_HASH_MISMATCH = re.compile(r"(?:Hash mismatch for `?|DO NOT MATCH THE HASHES[^\n]*\n\s*)(\S+)")
_OFFLINE = re.compile(
    r"NewConnectionError|NameResolutionError|Temporary failure in name resolution|Failed to resolve|dns error"
    r"|error sending request|Connection refused|Could not connect|tcp connect error|Network is unreachable"
    r"|ProxyError|ConnectTimeout|operation timed out|Connection reset|Request failed after|Failed to fetch",
    re.IGNORECASE,
)


def run(command: list[str], pins: str, variables: dict[str, str] | None = None) -> None:
    """Run a command, show its progress, and turn a failure into one line with the cure."""
    lines: list[str] = []
    with subprocess.Popen(
        command, env=variables, cwd=str(ROOT), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        encoding="utf-8", errors="replace",
    ) as process:  # fmt: skip
        for line in process.stdout or ():
            lines = [*lines[-_OUTPUT_LINES_KEPT:], line]
            if _PROGRESS.match(line):
                say(line.strip())
    if process.returncode != 0:
        raise SetupError(explain("".join(lines), pins))


def explain(output: str, pins: str) -> str:
    """Return what a failed installer's output means and the cure, in one line where the cause is known."""
    mismatch = _HASH_MISMATCH.search(output)
    if mismatch:
        return (
            f"{mismatch[1].rstrip('`')} is not the file that requirements/{pins} pins: nothing was installed. "
            f"Something between here and PyPI alters files, or the pins are wrong: do not go on"
        )
    if "No space left on device" in output or "os error 28" in output:
        return "the disk is full: free some room, then run the same command again"
    if _OFFLINE.search(output):
        return (
            "PyPI cannot be reached: check the network (HTTPS_PROXY, or pip's index-url for a mirror), "
            "then run the same command again"
        )
    if "ensurepip" in output:
        version = f"{sys.version_info[0]}.{sys.version_info[1]}"
        return f"this Python lacks ensurepip: install it (Debian and Ubuntu: apt install python{version}-venv)"
    return "the installer failed:\n" + "\n".join(output.strip().splitlines()[-15:])
