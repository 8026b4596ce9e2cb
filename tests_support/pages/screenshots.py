"""Takes the pictures of the documents: ``just screenshots``, while the stack, its engines and some traffic run.

Each is what headless Chromium sees of an engine's own page, or of the product's; nothing is drawn here.
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

from stack import Stack
from stack.checkout import settings_of_checkout, stack_of
from stack.errors import StackError
from stack.observe import Engines
from stack.parts.engines import EngineName
from stack.system import ROOT, engines_of
from tally.base.hints import hint
from tests_support.pages.chromium import BrowserError, Page, browser, found
from tests_support.waiting import eventually

FOLDER: Final = ROOT / "docs" / "images"
BYTES_MAX: Final = 200_000
_WIDTH: Final = 1_400
_LOADED_S: Final = 60.0
_BOARDS: Final = "/vmui/?#/dashboards?g0.range_input=5m&g0.relative_time=last_5_minutes"
_CHARTS: Final = "document.getElementById('rate').points.numberOfItems >= 20"
_LINES: Final = urlencode(
    {"query": '"service.name":* | fields _time, service.name, severity_text, _msg'}, quote_via=quote
)


@dataclass(frozen=True)
class Shot:
    """One picture: whose page (None is the product's own), what is clicked there, by their texts, and how high the
    window is. ``drawn`` is true in the page once there is something to see; one that ``moves`` is taken then."""

    name: str
    engine: EngineName | None
    path: str
    height: int
    clicks: tuple[str, ...] = ()
    drawn: str = "document.querySelectorAll('canvas').length > 0"
    moves: bool = False


SHOTS: Final[Sequence[Shot]] = (
    Shot("observe-health", "victoria-metrics", _BOARDS, 1_260),
    Shot("observe-count", "victoria-metrics", _BOARDS, 1_260, ("is the count right?", "Verdicts")),
    Shot("observe-cost", "victoria-metrics", _BOARDS, 1_260, ("what does it cost?", "Batches")),
    Shot("observe-broker", "victoria-metrics", _BOARDS, 1_260, ("what does the broker do?", "Requests")),
    Shot("page", None, "/", 1_000, drawn=_CHARTS, moves=True),
    Shot("observe-logs", "victoria-logs", f"/select/vmui/?#/?{_LINES}&g0.range_input=15m", 700),
)


def take(page: Page, address: str, shot: Shot) -> bytes:
    """Return the picture once the page has loaded and does not change any more."""
    page.resize(_WIDTH, shot.height)
    page.open(address)
    eventually(lambda: page.ask(shot.drawn), _LOADED_S, f"{shot.name} is drawn", retry_on=(BrowserError,))
    for text in shot.clicks:
        same = f"each => each.textContent.trim() === {json.dumps(text)} && each.childElementCount === 0"
        click = f"(found => (found?.click(), !!found))([...document.querySelectorAll('*')].find({same}))"
        eventually(partial(page.ask, click), _LOADED_S, f"{text!r} is there to be clicked")
    if shot.moves:
        return page.picture()
    last = b""

    def unchanged() -> bytes:
        nonlocal last
        before, last = last, page.picture()
        return last if last == before else b""

    return eventually(unchanged, _LOADED_S, f"{shot.name} does not change any more", interval_s=2)


def take_all(stack: Stack, engines: Engines) -> None:
    """Take all pictures. Raises StackError."""
    binary = found()
    if binary is None:
        raise StackError("there is no Chromium on PATH: install it (Debian: apt-get install chromium)")
    wanted: set[str] = {shot.engine or "consumer" for shot in SHOTS}
    absent = wanted - set(engines.running()) - ({"consumer"} if stack.pid("consumer") is not None else set())
    if absent:
        raise StackError(
            f"{' and '.join(sorted(absent))} do not run: `{hint('up')}`, `{hint('observe')}`, then some traffic"
        )
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tally-browser-") as profile:
        for shot in SHOTS:
            with browser(binary, Path(profile) / shot.name) as page:
                root = stack.rest_url if shot.engine is None else f"http://127.0.0.1:{engines.port(shot.engine)}"
                picture = take(page, f"{root}{shot.path}", shot)
            if len(picture) > BYTES_MAX:
                raise StackError(f"{shot.name}.png has {len(picture)} bytes, and {BYTES_MAX} are allowed")
            (FOLDER / f"{shot.name}.png").write_bytes(picture)
            print(f"docs/images/{shot.name}.png: {len(picture):,} bytes")


def main() -> int:
    """Return the exit code."""
    try:
        stack = stack_of(settings_of_checkout())
        take_all(stack, engines_of(stack))
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
