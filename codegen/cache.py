"""What compilers said, kept outside of the tree by a hash of all that it follows from, so that none runs twice.

An entry is a function of its key: the texts, the options, and the versions of the tools. So entries never go stale, are
shared by all checkouts, and may be deleted at any time. A cache that cannot be written or read costs time only.
"""

import hashlib
import os
import zlib
from collections.abc import Iterable
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Final

from tally.base.cache_folder import cache_folder
from tally.base.written_file import write_file

BYTES_MAX: Final = 256 * 1024 * 1024
"""Beyond this much the oldest entries are deleted, down to half of it."""

_FORMAT: Final = "1"
_DIGEST_BYTES: Final = 16


def key_of(parts: Iterable[str | bytes]) -> str:
    """Return the key of a result: a hash, as hex, of everything that it follows from."""
    digest = hashlib.sha256(_FORMAT.encode())
    for part in parts:
        content = part if isinstance(part, bytes) else part.encode("utf-8", "surrogateescape")
        digest.update(b"%d:" % len(content) + content)
    return digest.hexdigest()


@lru_cache
def version_of(package: str) -> str:
    """Return the version of an installed package, or nothing when it is not installed."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""


def get(key: str) -> bytes | None:
    """Return what was kept under a key, or None. What was damaged is not there."""
    try:
        content = (_folder() / key).read_bytes()
        packed = content[_DIGEST_BYTES:]
        return zlib.decompress(packed) if _digest(packed) == content[:_DIGEST_BYTES] else None
    except (OSError, zlib.error):
        return None


def has(key: str) -> bool:
    """Tell whether something is kept under a key."""
    return (_folder() / key).is_file()


def put(key: str, content: bytes) -> None:
    """Keep something under a key."""
    packed = zlib.compress(content, 1)
    folder = _folder()
    try:
        if not folder.is_dir():
            folder.mkdir(parents=True, exist_ok=True)
        write_file(folder / key, _digest(packed) + packed, private=True, durable=False)
    except OSError:
        return


def trim() -> None:
    """Delete the oldest entries where there are too many; called once a command, after it."""
    try:
        found = [(entry.stat(), entry.path) for entry in os.scandir(_folder())]
        total = sum(stat.st_size for stat, _ in found)
        if total <= BYTES_MAX:
            return
        for stat, path in sorted(found, key=lambda each: each[0].st_mtime):
            Path(path).unlink(missing_ok=True)
            total -= stat.st_size
            if total <= BYTES_MAX // 2:
                return
    except OSError:
        return


def _folder() -> Path:
    return cache_folder() / "codegen"


def _digest(content: bytes) -> bytes:
    return hashlib.blake2b(content, digest_size=_DIGEST_BYTES).digest()
