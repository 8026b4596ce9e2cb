"""What the commands share: settings and options."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from tally.base.env_file import EnvFileError, checked
from tally.base.settings import SettingsError, load
from tally.cli.failures import WrongUsageError
from tally.cli.settings import ClientSettings

F = TypeVar("F", bound=Callable[..., Any])


def settings() -> ClientSettings:
    """Return the settings of the environment and of ``--env-file``. Raises WrongUsageError that names a wrong one."""
    context = click.get_current_context(silent=True)
    named = None if context is None else context.find_root().obj
    try:
        return load(ClientSettings) if named is None else load(ClientSettings, _env_file=checked(named))
    except (SettingsError, EnvFileError) as error:
        raise WrongUsageError(str(error)) from None


def wait_option(meaning: str, *, default_s: float = 60.0, min_s: float = 0.0, max_s: float) -> Callable[[F], F]:
    """Return the option ``--wait``, a number of seconds."""
    seconds = click.FloatRange(min=min_s, max=max_s)
    return click.option("--wait", "wait_s", type=seconds, default=default_s, show_default=True, help=meaning)


retry_option: Final = wait_option(
    "Seconds to keep retrying an addition that gets no final answer.", min_s=0.1, max_s=3600
)
json_option: Final = click.option("--json", "as_json", is_flag=True, help="Print one JSON document, for programs.")
history_option: Final = click.option(
    "--history",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Append every attempt and its outcome to this file, for `tally verify --topic`.",
)
cluster_option: Final = click.option(
    "--expect-cluster",
    metavar="ID",
    help="Send nothing unless the service adds to the Kafka cluster with this id; `tally load` prints it.",
)
