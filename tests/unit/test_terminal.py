"""What a command prints steers no terminal, whoever wrote it."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests_support.checkout import ROOT

HOSTILE = "\x1b[2J\x1b]0;owned\x07\r\x9b1mfile\u202e"
OURS = """
import sys
import click
from tally.base.shown.terminal import guard, unguarded
guard()
print("a\\x1b[2Jb\\tc\\nd")
click.echo("e\\x1b[31mf\\x07")
print("g\\x1b[2J", file=sys.stderr)
sys.stdout.writelines(["h\\x1b[2J\\n"])
sys.stdout.flush()
sys.stdout.buffer.write(b"bytes \\x1b\\n")
sys.stdout.buffer.flush()
click.echo(click.style("green", fg="green"), file=unguarded(sys.stdout))
guard()
print(unguarded(sys.stdout) is sys.__stdout__)
raise ValueError("i\\x1b[2J")
"""


def on_a_terminal(arguments: list[str], environment: dict[str, str]) -> bytes:
    """Return all that a program writes to a terminal."""
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [sys.executable, *arguments], cwd=ROOT, env={**os.environ, **environment}, stdout=theirs, stderr=theirs
    ) as program:
        os.close(theirs)
        written = b""
        try:
            while chunk := os.read(ours, 65536):
                written += chunk
        except OSError:  # how Linux tells the end of a terminal
            pass
        finally:
            os.close(ours)
        program.wait(60)
    return written.replace(b"\r\n", b"\n")


def test_every_way_to_print_is_guarded_and_what_we_draw_is_not() -> None:
    """print, click, lines, both streams and a traceback; bytes and our colours pass as they are."""
    shown = on_a_terminal(["-c", OURS], {})
    for way in (rb"a\x1b[2Jb" + b"\tc\nd\n", rb"e\x1b[31mf\x07", rb"g\x1b[2J", rb"h\x1b[2J", rb"ValueError: i\x1b[2J"):
        assert way in shown
    assert shown.count(b"\x1b") == 3  # the result in bytes, and green with its end
    assert b"bytes \x1b\n\x1b[32mgreen\x1b[0m\nTrue\n" in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["-m", "tally", "add", "2", HOSTILE],
        ["-m", "tally", HOSTILE],
        ["-m", "tally", "load", HOSTILE, "--a", "a", "--b", "b"],
        ["-m", "tally", "verify", HOSTILE],
        ["-m", "codegen", "plan", "--registry", HOSTILE],
        ["-m", "codegen", "lint", "--contracts", HOSTILE],
        ["-m", "codegen", HOSTILE],
        ["-m", "stack", "status", HOSTILE],
        ["-m", "stack", "up", "--parts", HOSTILE],
    ],
)
def test_no_command_passes_on_a_control_character(arguments: list[str]) -> None:
    """Whatever it is asked, and however it refuses."""
    shown = on_a_terminal(arguments, {"TALLY_ENV_FILE": "", "TERM": "xterm"})
    assert shown
    assert shown.decode().replace("\n", "").replace("\t", "").isprintable()


def test_what_a_server_says_is_one_line_without_control_characters(tmp_path: Path) -> None:
    """The answer of a stranger that listens where REST should be."""
    stranger = (
        "import http.server, sys\n"
        "class H(http.server.BaseHTTPRequestHandler):\n"
        "    def do_GET(self):\n"
        '        body = b\'{"detail": "no\\\\nforged \\\\u001b[2J\\\\u009b"}\'\n'
        "        self.send_response(500); self.send_header('Content-Length', str(len(body))); self.end_headers()\n"
        "        self.wfile.write(body)\n"
        "    def log_message(self, *a): pass\n"
        "server = http.server.HTTPServer(('127.0.0.1', 0), H)\n"
        "print(server.server_port, flush=True)\n"
        "server.handle_request()\n"
    )
    with subprocess.Popen([sys.executable, "-c", stranger], stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        port = server.stdout.readline().strip()
        environment = {"TALLY_ENV_FILE": "", "TALLY_REST_URL": f"http://u:s3cr3t@127.0.0.1:{port}"}
        shown = on_a_terminal(["-m", "tally", "total"], environment)
        server.wait(60)
    assert shown.count(b"\n") == 1
    assert rb"no\nforged \x1b[2J\x9b" in shown
    assert b"s3cr3t" not in shown
