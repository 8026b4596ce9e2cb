"""Takes the pictures of docs/OBSERVABILITY.md: ``just screenshots``, while the stack, its engines and some traffic run.

Each is what headless Chromium sees of an engine's own page; nothing is drawn here.
"""

import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlencode

from stack.__main__ import settings_of_checkout, stack_of
from stack.engines import EngineName
from stack.errors import StackError
from stack.observe import Engines
from stack.system import ROOT, engines_of
from tests_support.chromium import BrowserError, Page, browser, found
from tests_support.waiting import eventually

FOLDER: Final = ROOT / "docs" / "images"
BYTES_MAX: Final = 200_000
_WIDTH: Final = 1_400
_LOADED_S: Final = 60.0
_BOARDS: Final = "/vmui/?#/dashboards?g0.range_input=5m&g0.relative_time=last_5_minutes"
_LINES: Final = urlencode(
    {"query": '"service.name":* | fields _time, service.name, severity_text, _msg'}, quote_via=quote
)


@dataclass(frozen=True)
class Shot:
    """One picture: the engine's page, what is clicked there, by their texts, and how high the window is."""

    name: str
    engine: EngineName
    path: str
    height: int
    clicks: tuple[str, ...] = ()


SHOTS: Final[Sequence[Shot]] = (
    Shot("observe-health", "victoria-metrics", _BOARDS, 1_260),
    Shot("observe-count", "victoria-metrics", _BOARDS, 1_260, ("is the count right?", "Verdicts")),
    Shot("observe-cost", "victoria-metrics", _BOARDS, 1_260, ("what does it cost?", "Batches")),
    Shot("observe-broker", "victoria-metrics", _BOARDS, 1_260, ("what does the broker do?", "Requests")),
    Shot("observe-logs", "victoria-logs", f"/select/vmui/?#/?{_LINES}&g0.range_input=15m", 700),
)


def take(page: Page, address: str, shot: Shot) -> bytes:
    """Return the picture once the page has loaded and does not change any more."""
    page.resize(_WIDTH, shot.height)
    page.open(address)
    drawn = "document.querySelectorAll('canvas').length > 0"
    eventually(lambda: page.ask(drawn), _LOADED_S, f"{shot.name} is drawn", retry_on=(BrowserError,))
    for text in shot.clicks:
        same = f"each => each.textContent.trim() === {json.dumps(text)} && each.childElementCount === 0"
        click = f"(found => (found?.click(), !!found))([...document.querySelectorAll('*')].find({same}))"
        eventually(partial(page.ask, click), _LOADED_S, f"{text!r} is there to be clicked")
    last = b""

    def unchanged() -> bytes:
        nonlocal last
        before, last = last, page.picture()
        return last if last == before else b""

    return eventually(unchanged, _LOADED_S, f"{shot.name} does not change any more", interval_s=2)


def take_all(engines: Engines) -> None:
    """Take all pictures. Raises StackError."""
    binary = found()
    if binary is None:
        raise StackError("there is no Chromium on PATH: install it (Debian: apt-get install chromium)")
    absent = {shot.engine for shot in SHOTS} - set(engines.running())
    if absent:
        raise StackError(f"{' and '.join(sorted(absent))} do not run: `just up`, `just observe`, then some traffic")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tally-browser-") as profile:
        for shot in SHOTS:
            with browser(binary, Path(profile) / shot.name) as page:
                picture = take(page, f"http://127.0.0.1:{engines.port(shot.engine)}{shot.path}", shot)
            if len(picture) > BYTES_MAX:
                raise StackError(f"{shot.name}.png has {len(picture)} bytes, and {BYTES_MAX} are allowed")
            (FOLDER / f"{shot.name}.png").write_bytes(picture)
            print(f"docs/images/{shot.name}.png: {len(picture):,} bytes")


def main() -> int:
    """Return the exit code."""
    try:
        take_all(engines_of(stack_of(settings_of_checkout())))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
