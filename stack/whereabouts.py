"""What runs of this checkout, and where: found on the disk, whatever the environment says now.

Each start notes the ports in the data folder (``run/ports.json``), and `just up` the data folder in the checkout
(``build/stacks``). The ports are in force as long as a process of the folder lives; without one they mean nothing.
"""

import hashlib
import json
import os
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Final

from stack import processes
from stack.ports import Ports
from tally.base.written_file import write_file

_KNOWN: Final = Path("build") / "stacks"


def note_ports(data_dir: Path, ports: Ports) -> None:
    """Note the ports that the processes of a data folder are started with."""
    write_file(_ports_file(data_dir), json.dumps(asdict(ports)), private=True, durable=False)


def ports_in_use(data_dir: Path) -> Ports | None:
    """Return the ports of what runs in a data folder, None when nothing does or nothing is noted."""
    try:
        noted = Ports(**json.loads(_ports_file(data_dir).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return noted if runs(data_dir) else None


def runs(data_dir: Path) -> bool:
    """Tell whether a part or an engine of a data folder runs."""
    marks = map(processes.read_mark, (data_dir / "run").glob("*.json"))
    return any(mark is not None and processes.is_alive(mark) for mark in marks)


def remember(root: Path, data_dir: Path) -> None:
    """Note in the checkout that it has a stack in a data folder; a checkout that cannot be written to notes nothing."""
    path = os.fsencode(data_dir)
    with suppress(OSError):
        (root / _KNOWN).mkdir(parents=True, exist_ok=True)
        write_file(root / _KNOWN / hashlib.sha256(path).hexdigest()[:16], path, private=True, durable=False)


def running(root: Path) -> list[Path]:
    """Return the data folders of the checkout's stacks that run; forget the others."""
    found = []
    for file in sorted((root / _KNOWN).glob("[0-9a-f]*")):
        with suppress(OSError):
            data_dir = Path(os.fsdecode(file.read_bytes()))
            if runs(data_dir):
                found.append(data_dir)
            else:
                file.unlink(missing_ok=True)
    return found


def _ports_file(data_dir: Path) -> Path:
    return data_dir / "run" / "ports.json"
