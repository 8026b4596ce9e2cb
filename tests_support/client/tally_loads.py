"""What the tests of `tally load` share."""

import hashlib
import json
from pathlib import Path
from typing import Any

from click.testing import Result

HEADER = "a,b,note\n"


def numbers_file(folder: Path) -> Path:
    """Return a file of 2,500 rows."""
    path = folder / "numbers.csv"
    path.write_text(HEADER + "".join(f"{i},0.5,x\n" for i in range(2500)))
    return path


def content_sha256(path: Path) -> str:
    """Return the source id that a file has by itself."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def numbers(result: Result) -> dict[str, Any]:
    """Return what `--json` printed."""
    found: dict[str, Any] = json.loads(result.stdout)
    return found


async def load(tally: Any, target: str, file: Path, *more: object) -> Result:
    """Run `tally load` on the columns a and b."""
    result: Result = await tally("load", file, "--a", "a", "--b", "b", *more, TALLY_GRPC_TARGET=target)
    return result
