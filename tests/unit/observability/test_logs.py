"""Log lines: fields, traces, repetitions, and what must not be in them."""

import json
import logging
from collections.abc import Iterator

import pytest
from loguru import logger

from observability import logs
from observability.current import CURRENT
from observability.instruments import Counter, Trace
from observability.journal.repetition import LINES_MAX, WINDOW_S, Repetition

TRACE = Trace(0x0AF7651916CD43DD8448EB211C80319C, 0x00AD6B7169203331)


@pytest.fixture(params=["json", "human"])
def form(request: pytest.FixtureRequest) -> Iterator[str]:
    """A log of this form, with traces and counts; loguru is left without sinks."""
    CURRENT.set(None)
    yield request.param
    logger.remove()
    CURRENT.set(None)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().err.splitlines()


def test_a_line_names_the_trace_it_belongs_to(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """As W3C writes the ids, in both forms; a line outside of a trace has none."""
    logs.configure("producer", "INFO", form)
    logs.connect(Counter(), CURRENT.get)
    logger.info("outside")
    CURRENT.set(TRACE)
    logger.bind(lane=3).info("inside")
    outside, inside = lines(capsys)
    assert "trace_id" not in outside
    if form == "json":
        line = json.loads(inside)
        assert (line["trace_id"], line["span_id"]) == ("0af7651916cd43dd8448eb211c80319c", "00ad6b7169203331")
        assert line["trace_flags"] == "01"
        assert (line["message"], line["lane"], line["service"]) == ("inside", "3", "producer")
    else:
        assert "inside lane=3 trace_id=0af7651916cd43dd8448eb211c80319c span_id=00ad6b7169203331" in inside


def test_values_of_variables_are_never_shown(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A logged defect shows the traceback with its code, and no value of a variable."""
    logs.configure("producer", "INFO", form)
    operand = "".join(["planted-", "operand"])
    nothing: dict[int, str] = {}
    try:
        nothing[len(operand)]
    except KeyError:
        logger.exception("a defect")
    text = "\n".join(lines(capsys))
    assert "KeyError" in text
    assert "test_logs.py" in text
    assert operand not in text


def test_errors_that_repeat_themselves_are_held_back_and_counted(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A bounded number of lines; every one is in the metric, and the end tells how many were held back."""
    logs.configure("producer", "INFO", form)
    counter = Counter()
    logs.connect(counter, CURRENT.get)
    for number in range(LINES_MAX + 70):
        logger.error("again {}", number)
    logger.info("something else")
    logs.tell_held_back()
    shown = lines(capsys)
    assert sum("again" in line for line in shown) == LINES_MAX
    assert "something else" in shown[LINES_MAX]
    assert any("held back" in line and "70" in line for line in shown)
    assert (LINES_MAX + 70, ("ERROR",)) in counter.sums()


def test_a_backend_that_stays_away_is_told_of_once_a_minute(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The SDK complains every second; each kind of its complaints is one line, the metric has all of them."""
    logs.configure("producer", "INFO", form)
    counter = Counter()
    logs.connect(counter, CURRENT.get)
    exporter = logging.getLogger("opentelemetry.exporter")
    for number in range(20):
        exporter.warning("try %s failed", number)
        exporter.error("gave up")
    logs.tell_held_back()
    shown = lines(capsys)
    assert sum("try 0 failed" in line for line in shown) == sum("gave up" in line for line in shown) == 1
    assert sum("held back" in line and "19" in line for line in shown) == 2
    assert (40, ("WARNING",)) in counter.sums()
    assert not any("sdk_place" in line for line in shown)


def test_the_next_line_of_a_place_tells_how_many_were_held_back() -> None:
    """The first line of a place after its window says once how many were held back there."""
    repetition, place = Repetition(), ("module", 7)
    taken = [repetition.take(place, 0.1 * number) for number in range(LINES_MAX + 5)]
    assert taken == [0] * LINES_MAX + [None] * 5
    assert repetition.take(("module", 8), 1.0) == 0
    assert repetition.untold() == {place: 5}
    assert [repetition.take(place, WINDOW_S + at) for at in (0.0, 0.1)] == [5, 0]
    assert repetition.untold() == {}


def test_what_comes_from_outside_begins_no_line_and_shows_no_secret(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """In the message, in a field, in an exception's message and in a library's line: each event stays one."""
    logs.configure("consumer", "INFO", form)
    forged = "/\n2026-01-01 00:00:00.000 ERROR   consumer forged\x1b[2J http://u:s3cr/et@h \u2028"
    logger.bind(path=forged).info("asked for {}", forged)
    logger.opt(exception=ValueError(forged)).error("{!r} failed", forged)
    logging.getLogger("uvicorn.error").warning("no %s", forged)
    text = capsys.readouterr().err
    assert "s3cr" not in text
    assert all(line.isprintable() for line in text.split("\n"))
    if form == "json":
        assert [json.loads(line)["level"] for line in text.splitlines()] == ["INFO", "ERROR", "WARNING"]
    else:
        assert sum(not line.startswith("  ") for line in text.splitlines()) == 3
        assert "asked for /\\n2026-01-01" in text


def test_a_line_and_a_traceback_are_of_bounded_length(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A path of a megabyte makes a line of a few kilobytes."""
    logs.configure("consumer", "INFO", form)
    long = "x" * 1_000_000
    logger.bind(path=long).info("asked for {}", long)
    logger.opt(exception=ValueError(long)).error("failed")
    assert len(capsys.readouterr().err) < 50_000


def test_few_tracebacks_of_one_place_are_shown_and_the_error_is_always_named(
    form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A request that fails is asked again and again; the first ones tell where, all of them what."""
    logs.configure("consumer", "INFO", form)
    for number in range(10):
        logger.opt(exception=ValueError(f"wrong {number}")).error("failed")
    text = capsys.readouterr().err
    assert all(f"wrong {number}" in text for number in range(10))
    # In JSON the name of the error stands in the traceback and before it.
    assert text.count("  ValueError: wrong") == logs.TRACEBACKS_MAX


def test_junk_requests_make_a_bounded_number_of_lines(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Ten thousand at once: what a library says about each is told a few times and counted in full."""
    logs.configure("consumer", "INFO", form)
    counter = Counter()
    logs.connect(counter, CURRENT.get)
    for number in range(10_000):
        logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
        logs.tell_of_library("librdkafka", "FAIL", logging.INFO, f"broker {number} is down")
    shown = lines(capsys)
    assert sum("Invalid HTTP request" in line for line in shown) == logs.LIBRARY_LINES_MAX
    assert sum("is down" in line for line in shown) == logs.LIBRARY_LINES_MAX
    assert (10_000, ("WARNING",)) in counter.sums()
