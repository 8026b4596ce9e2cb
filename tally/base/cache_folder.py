"""Where downloads, the programs built from them, and stamps are kept between runs.

``stack/bootstrap`` has the same rule in words of its own: it runs before there is anything to import.
"""

import os
from collections.abc import Mapping
from pathlib import Path


def cache_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return TALLY_CACHE_DIR, else ``tally`` below XDG_CACHE_HOME or ``~/.cache``; ``~`` means the home folder."""
    own = environment.get("TALLY_CACHE_DIR")
    if own:
        return Path(own).expanduser().absolute()
    base = environment.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "tally"
