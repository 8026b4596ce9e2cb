"""Which ``.env`` file is read, and that every line of it is understood.

The one of the checkout that this program runs from, or the one that is named: by ``--env-file``, or by TALLY_ENV_FILE,
where empty means none. Never one in the current folder: a setting can name a file for Kafka's client, so anyone who can
leave a file in a folder would decide what a command that is run there does.
"""

import os
from pathlib import Path
from typing import Final

from dotenv.parser import parse_stream

VARIABLE: Final = "TALLY_ENV_FILE"
OPTION: Final = "--env-file"
_ROOT: Final = Path(__file__).resolve().parents[2]


class EnvFileError(Exception):
    """The file cannot be read or a line of it is no setting; the message names file and line, never a value."""


def env_file() -> Path | None:
    """Return the file to read, None for none. Raises EnvFileError when it was named and is not there."""
    named = os.environ.get(VARIABLE)
    if named is None:
        own = _ROOT / ".env"
        return own if (_ROOT / "pyproject.toml").is_file() and own.exists() else None
    return checked(Path(named)) if named else None


def checked(path: Path) -> Path:
    """Return the path of a file in which every line is a setting or a comment. Raises EnvFileError.

    The library that reads it leaves out what it does not understand and goes on.
    """
    try:
        if not path.is_file():
            raise EnvFileError(f"{path}: no such file; settings are read from it because it was named")
        with path.open(encoding="utf-8") as stream:
            bindings = list(parse_stream(stream))
    except (OSError, UnicodeDecodeError) as error:
        raise EnvFileError(f"{path} cannot be read: {error}") from None
    for binding in bindings:
        if binding.error:
            text = binding.original.string
            line = binding.original.line + len(text) - len(text.lstrip("\n"))
            raise EnvFileError(f"{path}:{line}: not NAME=value; a value with blanks or quotes is put between quotes")
    return path
