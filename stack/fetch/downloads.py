"""Getting the pinned files: a cache outside the tree, keyed by content.

Theory of operation. ``CACHE/artifacts/SHA256/NAME`` exists only when its content was checked against that sha256: a
file is downloaded into a folder of its own beside it, checked, flushed and renamed, so neither a crash nor a second
process shows half a file. One lock file lets two processes that need the same files wait for each other instead of
downloading twice. A file whose content is not the pinned one is deleted and stops everything.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import tarfile
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from stack.errors import StackError
from stack.fetch.locks import Artifact
from stack.fetch.progress import Progress

Download = Callable[[Artifact, Path, Callable[[int], None]], Path]
"""Fetches an artifact into an empty folder, reports bytes as they come, and returns the file's path."""

_THREADS: Final = 8
_TRIES: Final = 3
_DISK_FACTOR: Final = 3  # a download, its unpacked form, and some room to spare


class NetworkError(Exception):
    """A download failed in a way that may pass: no route, a time-out, a broken connection."""


@contextlib.contextmanager
def exclusive(path: Path, waiting: Callable[[], None] | None = None) -> Iterator[None]:
    """Hold an exclusive lock on a file, waiting for it; the operating system frees it when the process dies.

    ``waiting`` is called once when another process has the lock, before the wait: it may be long.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab") as file:
        if waiting is not None and not try_lock(file):
            waiting()
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def made_once(cache: Path, target: Path, make: Callable[[], None]) -> Path:
    """Return a file or folder of the cache, made by ``make`` when it is not there.

    ``make`` lets it appear by a rename. Two processes that need the same one wait for each other.
    """
    if not target.exists():
        with exclusive(cache / "locks" / target.name):
            if not target.exists():  # another process may have made it meanwhile
                make()
    return target


def try_lock(file: BinaryIO) -> bool:
    """Take an exclusive lock on an open file if nobody has it; tell whether it was taken."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def path_of(cache: Path, artifact: Artifact) -> Path:
    """Return where an artifact is, or will be, in the cache."""
    return cache / "artifacts" / artifact.sha256 / artifact.file_name


def missing(cache: Path, artifacts: Sequence[Artifact]) -> list[Artifact]:
    """Return the artifacts that the cache does not hold."""
    return [artifact for artifact in artifacts if not _is_there(cache, artifact)]


def fetch(cache: Path, artifacts: Sequence[Artifact], download: Download, say: Callable[[str], None]) -> list[Path]:
    """Return the paths of all artifacts, downloading those that are missing, and telling what and how much.

    Raises StackError when there is no room, no network, or a file is not what the lock says.
    """
    if missing(cache, artifacts):
        with exclusive(cache / "locks" / "artifacts"):
            wanted = missing(cache, artifacts)  # another process may have brought them meanwhile
            if wanted:
                _fetch_all(cache, wanted, download, say)
    return [path_of(cache, artifact) for artifact in artifacts]


def _fetch_all(cache: Path, wanted: list[Artifact], download: Download, say: Callable[[str], None]) -> None:
    size_bytes = sum(artifact.size_bytes for artifact in wanted)
    _require_room(cache, size_bytes * _DISK_FACTOR)
    say(f"downloading {len(wanted)} files, {size_bytes / 1e6:.0f} MB, from Maven Central into {cache}")
    stop = threading.Event()
    with Progress(size_bytes, say) as progress, ThreadPoolExecutor(_THREADS) as pool:
        largest_first = sorted(wanted, key=lambda artifact: -artifact.size_bytes)
        futures = [pool.submit(_fetch_one, cache, each, download, progress.add, stop) for each in largest_first]
        try:
            for future in futures:
                future.result()
        except BaseException:
            stop.set()
            pool.shutdown(wait=True, cancel_futures=True)
            raise


def _fetch_one(
    cache: Path, artifact: Artifact, download: Download, received: Callable[[int], None], stop: threading.Event
) -> None:
    last: NetworkError | None = None
    for _ in range(_TRIES):
        if stop.is_set():
            return
        try:
            _download_checked(cache, artifact, download, received)
        except NetworkError as error:
            last = error
        else:
            return
    raise StackError(
        f"{artifact.file_name} could not be downloaded from Maven Central ({last}): "
        f"check the network (and HTTPS_PROXY where there is a proxy), then run the same command again"
    )


def _download_checked(cache: Path, artifact: Artifact, download: Download, received: Callable[[int], None]) -> None:
    """Download into a folder of its own, check, and only then give the file its name."""
    parent = cache / "artifacts"
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="part-", dir=parent))
    try:
        file = download(artifact, folder, received)
        actual = _sha256(file)
        if actual != artifact.sha256:
            raise StackError(
                f"{artifact.file_name} has the sha256 {actual}, but stack/*.lock pins {artifact.sha256}: it was not "
                f"kept. Something between here and Maven Central alters files, or the lock is wrong: do not go on"
            )
        target = path_of(cache, artifact)
        target.parent.mkdir(exist_ok=True)
        _flush(file)
        file.replace(target)
    except OSError as error:
        raise StackError(f"{artifact.file_name} could not be kept in {cache}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def from_maven_central(artifact: Artifact, folder: Path, received: Callable[[int], None]) -> Path:
    """Fetch one artifact with jgo, the Maven client. Raises NetworkError."""
    # Imported here: a start from a full cache needs neither the Maven client nor its 0.2 s.
    import requests  # noqa: PLC0415
    from jgo.maven import MavenContext, PythonResolver  # noqa: PLC0415

    @contextlib.contextmanager
    def report(_name: str, _size: int) -> Iterator[Callable[[int], None]]:
        yield received

    context = MavenContext(
        resolver=PythonResolver(progress_callback=report),
        repo_cache=folder,
        timeout=60,  # seconds without a byte
    )
    component = context.project(artifact.group, artifact.name).at_version(artifact.version)
    try:
        return Path(component.artifact(artifact.classifier, artifact.packaging).resolve())
    except requests.RequestException as error:
        raise NetworkError(type(error).__name__) from error
    except RuntimeError as error:  # jgo's word for "no repository has it", which a proxy's hiccup also looks like
        raise NetworkError("not found there") from error


def unpacked_path_of(cache: Path, artifact: Artifact) -> Path:
    """Return where an archive is, or will be, unpacked."""
    return cache / "unpacked" / artifact.sha256


def is_unpacked(cache: Path, artifact: Artifact) -> bool:
    """Tell whether an archive is unpacked; then the archive itself is not needed any more."""
    return unpacked_path_of(cache, artifact).is_dir()


def unpack(cache: Path, artifact: Artifact) -> Path:
    """Return the folder of an unpacked archive that was fetched before, and delete the archive.

    The folder is named by the archive's hash and appears by a rename, whole or not at all.
    """
    target = unpacked_path_of(cache, artifact)
    return made_once(cache, target, partial(_unpack, path_of(cache, artifact), target))


def _unpack(archive: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="part-", dir=target.parent))
    try:
        with tarfile.open(archive) as tar:
            _extract(tar, folder)
        folder.rename(target)
    except (OSError, tarfile.TarError) as error:
        raise StackError(f"{archive.name} could not be unpacked into {target.parent}: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(archive.parent, ignore_errors=True)


def _extract(tar: tarfile.TarFile, folder: Path) -> None:
    if hasattr(tarfile, "data_filter"):
        tar.extractall(folder, filter="data")
    else:  # Python 3.11.0 to 3.11.3; the archive's content is pinned, so a filter is only a second safeguard
        tar.extractall(folder)  # noqa: S202


def _is_there(cache: Path, artifact: Artifact) -> bool:
    try:
        return path_of(cache, artifact).stat().st_size == artifact.size_bytes
    except FileNotFoundError:
        return False


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _require_room(cache: Path, needed_bytes: int) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    free_bytes = shutil.disk_usage(cache).free
    if free_bytes < needed_bytes:
        raise StackError(
            f"{cache} has {free_bytes / 1e6:.0f} MB free and {needed_bytes / 1e6:.0f} MB are needed: "
            f"free some, or let TALLY_CACHE_DIR name a folder on another disk"
        )
