"""The outer shell of a service's process: its command line, its settings, its exit."""

import gc
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Final, NoReturn, TypeVar

from loguru import logger

from tally.base import fault_points
from tally.base.env_file import OPTION, EnvFileError, checked
from tally.base.settings import Settings, SettingsError, help_text, load
from tally.base.shown.values import printable, without_secrets
from tally.kafka.config import KafkaConfigError
from tally.registry.errors import RegistryTlsError
from tally.service.memory import share_one_heap
from tally.service.private import UMASK

_WHENCE: Final = f"Settings, from the environment, from {OPTION} FILE, or from .env of the checkout:"

S = TypeVar("S", bound=Settings)


class StartError(Exception):
    """The service cannot start; the message is one line for a person."""

    def __init__(self, message: str, exit_code: int = 1) -> None:
        super().__init__(message)
        self.exit_code = exit_code


Journal = Callable[[str, str, str], AbstractContextManager[None]]
"""Takes the log of a service where it belongs, as long as it serves: of its name, the level, and human or json."""


def run(
    name: str,
    about: str,
    settings_type: type[S],
    serve: Callable[[S], int],
    arguments: Sequence[str],
    *,
    journal: Journal,
) -> int:
    """Run the service ``name`` and return its exit code: that of ``serve``, or 2 for wrong usage or a wrong setting.

    ``about`` is its help's text above the settings. ``serve`` imports what is heavy: help and a wrong setting must not
    need half a second for Kafka and the rest.
    """
    named = Path(arguments[1]) if len(arguments) == 2 and arguments[0] == OPTION else None
    if arguments and named is None:
        asked = list(arguments) in (["--help"], ["-h"])
        text = f"{about}\n{_WHENCE}\n{help_text(settings_type)}\n"
        (sys.stdout if asked else sys.stderr).write(text)
        return 0 if asked else 2
    try:
        settings = load(settings_type) if named is None else load(settings_type, _env_file=checked(named))
        with journal(name, settings.log_level, settings.log_format):
            if armed := fault_points.arm(settings.fault_points):
                logger.bind(points=armed).warning("fault points are on: this process is under test")
            return serve(settings)
    except (SettingsError, EnvFileError, KafkaConfigError, RegistryTlsError) as error:
        refused = StartError(str(error), exit_code=2)
    except StartError as error:
        refused = error
    sys.stderr.write(f"{without_secrets(str(refused))}\n")
    return refused.exit_code


def begin() -> None:
    """Begin a process that is a service: private files, no secret in a traceback, one heap for its threads."""
    os.umask(UMASK)
    share_one_heap()
    sys.excepthook = _tell_of_defect


def _tell_of_defect(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    told = "".join(traceback.format_exception(kind, error, trace))
    sys.stderr.write(printable(without_secrets(told), keep="\n"))


def collect_garbage_again() -> None:
    """End what the service's module began by `gc.disable`, once all is imported; that is never visited again."""
    gc.freeze()
    gc.enable()


def leave(code: int) -> NoReturn:
    """End the process at once.

    All is closed and every call is answered, or was left behind on purpose at the deadline. What is left are threads of
    gRPC and of Kafka's clients, which a usual exit would wait for, without a limit when a broker hangs.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
