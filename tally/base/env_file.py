"""Which ``.env`` file is read, and that every line of it is understood.

The one of the checkout that this program runs from, or the one that is named: by ``--env-file``, or by TALLY_ENV_FILE,
where empty means none. Never one in the current folder: a setting can name a file for Kafka's client, so anyone who can
leave a file in a folder would decide what a command that is run there does.
"""

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from dotenv import dotenv_values
from dotenv.parser import parse_stream

VARIABLE: Final = "TALLY_ENV_FILE"
OPTION: Final = "--env-file"
ENCODING: Final = "utf-8-sig"
"""UTF-8; the mark that some editors put at the beginning is no part of the first line."""
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
    _text_of(path)
    return path


def variables_in(path: Path | None) -> dict[str, str]:
    """Return the variables of a file, those without a value as empty; of None, none. Raises EnvFileError."""
    found = {} if path is None else dotenv_values(stream=io.StringIO(_text_of(path)))
    return {name: value or "" for name, value in found.items()}


def variables_of(path: Path | None, environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return what a file and the environment, which wins, set, for who hands it on: empty is not set.

    Raises EnvFileError.
    """
    both = (*variables_in(path).items(), *environment.items())
    return {name: value for name, value in both if value}


def _text_of(path: Path) -> str:
    try:
        if not path.is_file():
            raise EnvFileError(f"{path}: no such file; settings are read from it because it was named")
        text = path.read_text(encoding=ENCODING)
    except UnicodeDecodeError as error:
        raise EnvFileError(f"{path} is not UTF-8 text ({error}): save it as UTF-8") from None
    except OSError as error:
        raise EnvFileError(f"{path} cannot be read: {error.strerror or error}") from None
    if "\0" in text:  # UTF-16 without its mark, usually
        raise EnvFileError(f"{path} is not UTF-8 text (it has zero bytes): save it as UTF-8")
    for binding in parse_stream(io.StringIO(text)):
        if binding.error:
            original = binding.original.string
            line = binding.original.line + len(original) - len(original.lstrip("\n"))
            raise EnvFileError(f"{path}:{line}: not NAME=value; a value with blanks or quotes is put between quotes")
    return text
