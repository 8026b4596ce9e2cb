"""What uv is told by its environment variables."""

import configparser
import contextlib
import os
from pathlib import Path

from .checkout import ROOT


def uv_variables(cache: Path) -> dict[str, str]:
    """Return the environment for uv: no Python of its own, a cache of ours, and what pip was told of the network."""
    variables = {name: value for name, value in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONPATH")}
    variables["UV_PYTHON_DOWNLOADS"] = "never"
    variables["UV_NO_MANAGED_PYTHON"] = "1"
    variables.setdefault("UV_CACHE_DIR", str(cache / "uv"))
    variables.setdefault("UV_LINK_MODE", "hardlink" if _same_disk(cache, ROOT) else "copy")
    variables.setdefault("UV_SYSTEM_CERTS", "1")  # as pip does: companies put their own certificates there
    if not any(name in variables for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_INDEX")):
        index = os.environ.get("PIP_INDEX_URL") or _pip_option("index-url")
        if index:
            variables["UV_DEFAULT_INDEX"] = index
    return variables


def _same_disk(one: Path, other: Path) -> bool:
    """Tell whether files can be hard links of each other."""
    return one.stat().st_dev == other.stat().st_dev


def _pip_option(name: str) -> str:
    """Return an option of pip's own configuration, which uv does not read, or an empty text."""
    config_home = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    files = [Path("/etc/pip.conf"), Path.home() / ".pip" / "pip.conf", config_home / "pip" / "pip.conf"]
    parser = configparser.RawConfigParser(strict=False)
    with contextlib.suppress(configparser.Error, OSError):
        parser.read([*files, os.environ.get("PIP_CONFIG_FILE", os.devnull)])
    return parser.get("global", name, fallback="")
