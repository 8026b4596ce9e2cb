"""Java's ahead-of-time caches: made once on this machine, they halve the work of starting Kafka and the registry.

A cache holds classes as a start left them. It is made by a *training run*: the part is started on a folder of its own
with ``-XX:AOTCacheOutput``, and writes the file when it ends. The file belongs to one Java, one set of jars (their
times of change included) and one set of flags; all of these are its name, so a cache that does not fit is never found.
A failed training costs nothing but the seconds it was meant to save: it is reported, and tried again a day later.
"""

import hashlib
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack import processes
from stack.fetch.downloads import exclusive
from stack.guard import Guard

QUIET: Final = "-Xlog:aot*=error"
"""Java warns of parts of a cache that it makes anew instead; only errors matter."""

_READY_DEADLINE_S: Final = 90.0
_WRITE_DEADLINE_S: Final = 180.0  # 5 to 10 s on an idle machine
_POLL_S: Final = 0.05
_RETRY_AFTER_S: Final = 24 * 3600


@dataclass(frozen=True)
class Training:
    """One part that can be trained. ``command`` takes more flags for Java; ``folder`` is where it keeps its data."""

    name: str
    key: str
    folder: Path
    prepare: Callable[[], None]
    command: Callable[[Sequence[str]], Sequence[str]]
    environment: Mapping[str, str]
    not_ready: Callable[[], str | None]


def key_of(java: Path, files: Sequence[Path], flags: Sequence[str]) -> str:
    """Return the name of the cache that fits a Java, its jars and its flags; with a jar missing it fits none."""
    total = hashlib.sha256((java / "release").read_bytes())
    for file in files:
        facts = f"{file.stat().st_size}\0{file.stat().st_mtime_ns}" if file.exists() else "absent"
        total.update(f"{file}\0{facts}\n".encode())
    total.update(" ".join(flags).encode())
    return total.hexdigest()[:32]


def flags(cache: Path, key: str) -> list[str]:
    """Return the flags that use a cache, none when it was not made."""
    file = path_of(cache, key)
    return [f"-XX:AOTCache={file}", QUIET] if file.exists() else []


def path_of(cache: Path, key: str) -> Path:
    """Return where the cache of a key is, or will be."""
    return cache / "aot" / f"{key}.aot"


def is_wanted(cache: Path, key: str) -> bool:
    """Tell whether a cache is missing and was not tried in vain today."""
    failed = _failure_of(cache, key)
    tried_lately = failed.exists() and time.time() - failed.stat().st_mtime < _RETRY_AFTER_S
    return not path_of(cache, key).exists() and not tried_lately


def train(cache: Path, training: Training, say: Callable[[str], None]) -> None:
    """Make the cache of a part, or say why it could not be made."""
    with exclusive(cache / "locks" / f"aot-{training.key}"):
        if not is_wanted(cache, training.key):
            return  # another process made it meanwhile
        target = path_of(cache, training.key)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = Path(tempfile.mkdtemp(prefix="part-", dir=target.parent)) / "cache.aot"
        try:
            _run_once(training, [f"-XX:AOTCacheOutput={partial}", QUIET])
            partial.replace(target)
            _failure_of(cache, training.key).unlink(missing_ok=True)
        except (OSError, TimeoutError) as error:
            _failure_of(cache, training.key).touch()
            say(
                f"{training.name} could not be prepared for quick starts ({error}): "
                "it starts some seconds slower without"
            )
        finally:
            shutil.rmtree(partial.parent, ignore_errors=True)


def _run_once(training: Training, extra: Sequence[str]) -> None:
    """Start the part, wait until it is ready, end it, and wait until it has written. Raises TimeoutError."""
    training.prepare()
    guard = Guard(training.folder)
    guard.watch()
    try:
        mark = processes.start(
            training.command(extra),
            training.environment,
            training.folder,
            training.folder / "training.log",
            training.folder / "training.json",
            private=False,  # the cache that it makes may be several users'
        )
        until_s = time.monotonic() + _READY_DEADLINE_S
        while (reason := training.not_ready()) is not None:
            if not processes.is_alive(mark) or time.monotonic() > until_s:
                processes.kill(mark)
                raise TimeoutError(f"it did not get ready: {reason}")
            time.sleep(_POLL_S)
        processes.send(mark, signal.SIGTERM)
        if not processes.wait_gone(mark, _WRITE_DEADLINE_S):
            processes.kill(mark)
            raise TimeoutError("it did not write its cache in time")
    finally:
        guard.dismiss()  # kills what is left, if anything is


def _failure_of(cache: Path, key: str) -> Path:
    return cache / "aot" / f"{key}.failed"
