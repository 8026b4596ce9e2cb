"""The cache: one folder, wherever it is asked for."""

from pathlib import Path

import pytest

from stack.bootstrap import checkout
from tally.base import stamp
from tally.base.cache_folder import cache_folder

HOME = Path.home()
CASES = [
    ({"TALLY_CACHE_DIR": "/x/y"}, Path("/x/y")),
    ({"TALLY_CACHE_DIR": "~/y", "XDG_CACHE_HOME": "/z"}, HOME / "y"),
    ({"TALLY_CACHE_DIR": "y"}, Path.cwd() / "y"),
    ({"XDG_CACHE_HOME": "/z"}, Path("/z/tally")),
    ({}, HOME / ".cache" / "tally"),
]


@pytest.mark.parametrize(("environment", "folder"), CASES)
def test_the_cache_is_where_the_user_or_the_system_says(
    environment: dict[str, str], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The library, the stamps and the bootstrap, which shares no code, find the same folder in any environment."""
    for name in ("TALLY_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert cache_folder() == cache_folder(environment) == checkout.cache_folder() == folder
    assert stamp._folder() == folder / "stamps"
