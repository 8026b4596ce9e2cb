"""A service's standard error: all that anyone writes there becomes lines of the journal."""

import json
import logging
import subprocess
import sys

import pytest

from observability.journal.standard_error import ForeignLine, read

PROGRAM = """
import ctypes, os, sys, threading, warnings
from loguru import logger
from observability.journal.standard_error import only_of_journal

def broken():
    raise ValueError("a\\n2026 ERROR forged")

with only_of_journal("producer", "INFO", "{form}"):
    logger.info("ours")
    libc = ctypes.CDLL(None)
    libc.dprintf(2, b"%%3|1733035335.123|FAIL|tally#producer-1| [thrd:x]: no \\x1b[2Jbroker\\n")
    os.write(2, b"E0000 00:00:1733035335.123456   4242 chttp2_server.cc:42] no port\\n")
    os.write(2, b"junk \\xff without an end")
    for _ in range(2):
        os.write(2, b"x" * 60_000 + b"\\n")
    thread = threading.Thread(target=broken)
    thread.start()
    thread.join()
    warnings.warn("old")
sys.stderr.write("after\\n")
os.write(2, b"raw again\\n")
"""


def test_lines_of_libraries_in_c_and_of_uncaught_errors_are_lines_of_the_journal() -> None:
    """Each is one line of JSON with its library; afterwards standard error is what it was before."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.replace("{form}", "json")], capture_output=True, text=True, check=True
    )
    *told, after, raw = done.stderr.splitlines()
    assert (after, raw) == ("after", "raw again")
    events = [json.loads(line) for line in told]
    said = {(event["level"], event.get("library", ""), event["message"]) for event in events}
    assert ("INFO", "", "ours") in said
    assert ("ERROR", "librdkafka", "a library says: tally#producer-1| [thrd:x]: no \\x1b[2Jbroker") in said
    assert ("ERROR", "grpc", "a library says: no port") in said
    assert any(library == "py.warnings" and "old" in message for _, library, message in said)
    (defect,) = [event for event in events if event["message"].endswith("was not caught")]
    assert defect["exception"] == "ValueError: a\\n2026 ERROR forged"
    assert any(message.startswith("a library says: junk \\xff without an end") for _, _, message in said)


def test_what_python_code_prints_to_standard_error_is_of_the_journal() -> None:
    """A printed traceback is one line of JSON, and so is any other text; gRPC's server prints tracebacks."""
    program = PROGRAM.split("    logger.info", maxsplit=1)[0].replace("{form}", "json") + (
        "    import traceback\n"
        "    print('one', 'text', file=sys.stderr)\n"
        "    try:\n"
        "        1 / 0\n"
        "    except ZeroDivisionError:\n"
        "        traceback.print_exc()\n"
        "    print('after', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    said = [(event["level"], event["message"]) for event in map(json.loads, done.stderr.splitlines())]
    first, (level, traceback), last = said
    assert (first, last) == (("WARNING", "a library says: one text"), ("WARNING", "a library says: after"))
    assert level == "ERROR"
    assert traceback.startswith("a library says: Traceback (most recent call last):\\n")
    assert traceback.endswith("\\nZeroDivisionError: division by zero")


def test_a_flood_from_a_library_stops_nobody_and_is_held_back() -> None:
    """A thread that holds the interpreter's lock may write more than the pipe holds: what is too much is lost."""
    program = PROGRAM.split("    logger.info", maxsplit=1)[0].replace("{form}", "human") + (
        "    libc = ctypes.PyDLL(None)\n"  # a PyDLL keeps the lock
        "    for _ in range(5_000):\n"
        "        libc.dprintf(2, b'%s\\n', b'y' * 200)\n"
        "    logger.info('still here')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert "still here" in done.stderr
    assert done.stderr.count("a library says") < 20


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("%4|1733035335.1|CONFWARN|rdkafka#c-1| [thrd:app]: x", ("librdkafka", "CONFWARN", logging.WARNING)),
        ("%6|1733035335.1|FAIL|rdkafka#c-1| [thrd:app]: x", ("librdkafka", "FAIL", logging.INFO)),
        ("%0|1733035335.1|FATAL|rdkafka#c-1| [thrd:app]: x", ("librdkafka", "FATAL", logging.ERROR)),
        ("I0000 00:00:1733035335.1   42 a.cc:7] x", ("grpc", "a.cc:7", logging.INFO)),
        ("F0000 00:00:1733035335.1   42 a.cc:7] x", ("grpc", "a.cc:7", logging.CRITICAL)),
        ("free(): invalid pointer", ("stderr", "", logging.WARNING)),
        ("%9|x|", ("stderr", "", logging.WARNING)),
    ],
)
def test_a_line_is_read_with_its_library_place_and_level(line: str, said: tuple[str, str, int]) -> None:
    """What is written as nobody knows is a warning."""
    assert ForeignLine(*said, "") == read(line)._replace(message="")
