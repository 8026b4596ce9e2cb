"""A headless Chromium for a test, where the machine has one: DevTools over a pair of pipes, no driver and no port."""

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import IO, Any, Final

_NAMES: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-pipe",
)
_MOVE_PIPES: Final = """
import fcntl, os, sys
for end, number in [(fcntl.fcntl(int(sys.argv[n]), fcntl.F_DUPFD, 10), n + 2) for n in (1, 2)]:
    os.dup2(end, number)
os.execv(sys.argv[3], sys.argv[3:])
"""
"""Chromium reads commands from 3 and writes answers to 4; ours may have these numbers, so they are moved away first."""
_END_S: Final = 10


def found() -> str | None:
    """Return a browser: ``TALLY_TEST_CHROMIUM``, or one on the path; None when there is none."""
    return os.environ.get("TALLY_TEST_CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)


class BrowserError(Exception):
    """The browser did not do it; the message is its own."""


class Page:
    """One page. Every call blocks until the browser answered."""

    def __init__(self, commands: IO[bytes], answers: IO[bytes]) -> None:
        self._commands, self._answers = commands, answers
        self._ids = count(1)
        self._session: str | None = None
        self.complaints: list[str] = []
        """What the browser said on its console: errors of the script, and what the page's policy kept out."""
        target = self._call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Runtime", "Log", "Page"):
            self._call(f"{domain}.enable")

    def open(self, url: str) -> None:
        """Begin to load a page."""
        self._call("Page.navigate", url=url)

    def ask(self, script: str) -> Any:
        """Return the value of an expression, of a promise what it comes to. Raises BrowserError when it throws."""
        answer = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise BrowserError(str(answer["exceptionDetails"]))
        return answer["result"].get("value")

    def text(self, element_id: str) -> str:
        """Return what an element says, "" while it is not there."""
        return str(self.ask(f"document.getElementById({json.dumps(element_id)})?.textContent ?? ''"))

    def resize(self, width: int, height: int) -> None:
        """Give the page a size in pixels."""
        self._call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def picture(self) -> bytes:
        """Return what the page shows now, as PNG."""
        return base64.b64decode(self._call("Page.captureScreenshot")["data"])

    def _call(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._ids)
        message = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        self._commands.write(json.dumps(message).encode() + b"\0")
        self._commands.flush()
        while True:
            answer = self._next()
            if answer.get("id") == number:
                if "error" in answer:
                    raise BrowserError(f"{method}: {answer['error']}")
                result = answer["result"]
                assert isinstance(result, dict)
                return result
            self._hear(answer)

    def _hear(self, event: dict[str, Any]) -> None:
        if event.get("method") == "Runtime.exceptionThrown":
            self.complaints.append(str(event["params"]["exceptionDetails"]))
        if event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error":
            self.complaints.append(f"{event['params']['entry']['text']} {event['params']['entry'].get('url', '')}")

    def _next(self) -> dict[str, Any]:
        data = bytearray()
        while (byte := self._answers.read(1)) != b"\0":
            if not byte:
                raise BrowserError("the browser ended")
            data += byte
        answer = json.loads(data)
        assert isinstance(answer, dict)
        return answer


@contextmanager
def browser(binary: str, profile: Path) -> Iterator[Page]:
    """Yield a blank page of a browser whose profile lies in ``profile``; the browser ends with the context."""
    theirs_in, ours_out = os.pipe()
    ours_in, theirs_out = os.pipe()
    command = [sys.executable, "-c", _MOVE_PIPES, str(theirs_in), str(theirs_out), binary, *_FLAGS]
    command.append(f"--user-data-dir={profile}")
    with open(ours_out, "wb") as commands, open(ours_in, "rb") as answers:
        process = subprocess.Popen(
            command, pass_fds=(theirs_in, theirs_out), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        os.close(theirs_in)
        os.close(theirs_out)
        try:
            yield Page(commands, answers)
        finally:
            with suppress(BrokenPipeError):
                commands.close()  # a browser whose pipe is closed ends
            try:
                process.wait(_END_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
