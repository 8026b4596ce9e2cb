"""A user's session: the commands of the documents, typed one after the other beside a live stack.

The addresses of the documents are replaced by those of the stack, and nothing else. The session has a folder of its own
with the files that the examples name, `data` where the stack's data is, and programs on its PATH: those of this
environment, `just`, and grpcurl, which is played where the machine has none.
"""

import gzip
import os
import re
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

from stack import Ports, Stack
from tests_support.checkout import ROOT
from tests_support.documents.blocks import Block, Typed
from tests_support.documents.shape import Names
from tests_support.waiting import NotInTimeError, eventually

COMMAND_S: Final = 120.0
ADDRESS: Final = re.compile(r"\b(127\.0\.0\.1|localhost):(\d+)")

_ENDLESS: Final = re.compile(r"curl -sN ")
_LOOK: Final = re.compile(r"curl (?!.*-X )")
"""A command that changes nothing, so it is typed again until the answer is the one that is awaited."""


class Session:
    """See above. ``exit_codes`` has the commands that end with another code than 0."""

    def __init__(self, folder: Path, stack: Stack, exit_codes: dict[str, int]) -> None:
        self._folder = folder
        self._ports = dict(zip(Ports().by_name().values(), stack.ports.by_name().values(), strict=True))
        self._exit_codes = exit_codes
        self._names = Names()
        own = {name: value for name, value in os.environ.items() if not name.startswith("TALLY_")}
        cache = {name: value for name, value in os.environ.items() if name == "TALLY_CACHE_DIR"}
        path = os.pathsep.join([str(folder / "bin"), str(Path(sys.executable).parent), os.environ["PATH"]])
        self._environment = {**own, **cache, **stack.environment(), "PATH": path, "CURL_HOME": str(folder)}
        (folder / "data").symlink_to(stack.data_dir)
        (folder / ".curlrc").write_text("fail-with-body\nsilent\n", encoding="utf-8")
        _programs(folder)
        _files(folder)

    def here(self, text: str) -> str:
        """Return a text of the documents with this stack's ports and this run's names."""
        return self._names.put(ADDRESS.sub(lambda found: f"{found[1]}:{self._ports[int(found[2])]}", text))

    def save(self, program: Block) -> Path:
        """Write a program into the session's folder, under the name that its first line gives it."""
        named = re.match(r'"""(\w+\.py):', program.text)
        file = self._folder / (named[1] if named else f"line_{program.line}.py")
        file.write_text(self.here(program.text), encoding="utf-8")
        return file

    def type(self, line: Typed) -> None:
        """Run a command: it ends as it should, and prints what the document shows. Raises AssertionError."""
        self._names.keep(line.command)
        text = self.here(line.command)
        if not line.output:
            code, output = self._run(text)
            assert code == self._exit_codes.get(line.command, 0), f"{line}\nexit code {code}:\n{output}"
            return
        again_s = 30.0 if _LOOK.match(line.command) else 0.0
        seen: list[str] = []

        def fits() -> bool:
            seen.append(self._until_it_fits(text, line.output) if _ENDLESS.match(text) else self._run(text)[1])
            return self._names.fits(line.output, seen[-1])

        try:
            eventually(fits, again_s, str(line))
        except NotInTimeError as error:
            raise AssertionError(f"{line}\nis shown with\n{line.output}\nand printed\n{seen[-1]}") from error

    def _run(self, text: str) -> tuple[int, str]:
        done = self._start(text)
        try:
            output, _ = done.communicate(timeout=COMMAND_S)
        finally:
            _end(done)
        return done.returncode, output

    def _until_it_fits(self, text: str, shown: str) -> str:
        """Return the first lines of what never ends, as many as are shown."""
        running = self._start(text)
        assert running.stdout is not None
        try:
            return "".join(running.stdout.readline() for _ in shown.splitlines())
        finally:
            _end(running)

    def _start(self, text: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            ["bash", "-o", "pipefail", "-c", text],
            cwd=self._folder, env=self._environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip


def _end(process: "subprocess.Popen[str]") -> None:
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _programs(folder: Path) -> None:
    programs = {folder / "justw": f'exec {ROOT}/justw "$@"', folder / "bin" / "just": f'exec {ROOT}/justw "$@"'}
    if shutil.which("grpcurl") is None:
        played = f'PYTHONPATH={ROOT} exec {sys.executable} -m tests_support.documents.grpcurl "$@"'
        programs[folder / "bin" / "grpcurl"] = played
    (folder / "bin").mkdir()
    for file, line in programs.items():
        file.write_text(f"#!/bin/sh\n{line}\n", encoding="utf-8")
        file.chmod(0o755)


def _files(folder: Path) -> None:
    """Write the files that the examples load, and a rejects file of an older version."""
    july = b"net,tax\n100,19\n20.5,3.9\n"
    (folder / "flights.csv").write_bytes(b"dep_delay,arr_delay\n2,11\n4,20\n")
    (folder / "orders.csv").write_bytes(b"net,tax\n7,1\n")
    (folder / "FILE.csv").write_bytes(b"COLUMN\n1\n")
    (folder / "july.csv.gz").write_bytes(gzip.compress(july))
    with zipfile.ZipFile(folder / "all.zip", "w") as packed:
        packed.writestr("july.csv", july)
    (folder / "old.rejects.csv").write_text('line,reason\n3,"not CSV: unexpected end of data"\n', encoding="utf-8")
