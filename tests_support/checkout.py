"""The files of this checkout as version control knows them."""

import subprocess
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
GENERATED = "tally/generated/"


@cache
def tracked() -> tuple[str, ...]:
    """Return the tracked files that exist, as paths from the root; without git, all but hidden files."""
    try:
        listed = subprocess.run(
            ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=30
        ).stdout.split("\0")
    except (OSError, subprocess.CalledProcessError):
        listed = [
            str(path.relative_to(ROOT))
            for path in ROOT.rglob("*")
            if not any(part.startswith(".") or part == "__pycache__" for part in path.relative_to(ROOT).parts)
        ]
    return tuple(sorted(name for name in listed if name and (ROOT / name).is_file()))


def python_files(*folders: str) -> list[str]:
    """Return the tracked Python files below these folders (below the root when none is given), generated ones not."""
    return [
        name
        for name in tracked()
        if name.endswith(".py") and not name.startswith(GENERATED) and (not folders or name.split("/")[0] in folders)
    ]


def text_of(name: str) -> str | None:
    """Return a file's text, None when it is not text."""
    try:
        return (ROOT / name).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return None
