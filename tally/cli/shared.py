"""What the commands share: settings and options."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from tally.base.env_file import EnvFileError, checked
from tally.base.settings import SettingsError, load
from tally.cli.failures import WrongUsageError
from tally.cli.settings import ClientSettings

READY_S: Final = 10.0
"""How long a service that is just starting is waited for."""

F = TypeVar("F", bound=Callable[..., Any])


def settings() -> ClientSettings:
    """Return the settings of the environment and of ``--env-file``. Raises WrongUsageError that names a wrong one."""
    context = click.get_current_context(silent=True)
    named = None if context is None else context.find_root().obj
    try:
        return load(ClientSettings) if named is None else load(ClientSettings, _env_file=checked(named))
    except (SettingsError, EnvFileError) as error:
        raise WrongUsageError(str(error)) from None


def json_option(function: F) -> F:
    """Add ``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for programs.")(function)


def wait_option(function: F) -> F:
    """Add ``--wait``."""
    return click.option(
        "--wait",
        "wait_s",
        type=click.FloatRange(min=0.1, max=3600),
        default=60.0,
        show_default=True,
        help="Seconds to keep retrying an addition that gets no final answer.",
    )(function)


def history_option(function: F) -> F:
    """Add ``--history``."""
    return click.option(
        "--history",
        type=click.Path(dir_okay=False, path_type=Path),
        metavar="FILE",
        help="Append every attempt and its outcome to this file, for `tally verify --topic`.",
    )(function)
