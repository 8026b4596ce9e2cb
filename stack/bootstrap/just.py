"""Sets the project up, then becomes ``just``."""

import os
import platform
import sys
from pathlib import Path
from typing import NoReturn

from .checkout import ROOT, VERSION_MIN, SetupError, cache_folder, say
from .environment import ensure_environment
from .tools import ensure_tools

_PREPARE_ONLY = "--prepare-only"  # what a recipe calls when `just` was typed without justw


def main() -> None:
    """Set up what is missing, then become ``just`` with the arguments of this command."""
    if sys.version_info[:2] < VERSION_MIN:
        raise SetupError(f"Python 3.11 or newer is needed, and this is {platform.python_version()}: see README.md")
    arguments = sys.argv[1:]
    cache = cache_folder()
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SetupError(
            f"{cache} cannot be made ({error.strerror}): let TALLY_CACHE_DIR name another folder"
        ) from error
    tools = ensure_tools(cache)
    ensure_environment(cache, tools)
    if arguments[:1] != [_PREPARE_ONLY]:
        _become_just(tools, arguments)


def _become_just(tools: Path, arguments: list[str]) -> NoReturn:
    """Replace this process by ``just``, with the tools on its path."""
    os.environ["PATH"] = f"{tools}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    os.environ["TALLY_PREPARED"] = str(ROOT)  # saves the recipes this very check
    just = str(tools / "just")
    os.execv(just, [just, "--justfile", str(ROOT / "justfile"), *arguments])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    try:
        main()
    except SetupError as trouble:
        say(str(trouble))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
