"""A trace as a tree: parents above children, the linked transaction and block found, failures named."""

from typing import Any

import pytest
from click.testing import CliRunner

from tally.cli import traces
from tally.cli.logs import readable
from tally.cli.main import main

PROCESSES = {"p1": {"serviceName": "tally-producer"}, "p2": {"serviceName": "tally-consumer"}}


def span(span_id: str, name: str, began_us: int, took_us: int, **more: Any) -> dict[str, Any]:
    references = [{"refType": "CHILD_OF", "traceID": "t", "spanID": more["parent"]}] if "parent" in more else []
    references += [{"refType": "FOLLOWS_FROM", "traceID": each, "spanID": "s"} for each in more.get("links", ())]
    return {
        "traceID": "t",
        "spanID": span_id,
        "operationName": name,
        "references": references,
        "startTime": began_us,
        "duration": took_us,
        "tags": more.get("tags", []),
        "processID": more.get("process", "p1"),
    }


ANSWER = {
    "data": [
        {
            "spans": [
                span("c", "process", 3_000_500, 700, parent="b", process="p2", links=["block"]),
                span("a", "Add", 3_000_000, 2_000),
                span("b", "create", 3_000_100, 900, parent="a", links=["send", "send"]),
            ],
            "processes": PROCESSES,
        }
    ]
}


def test_a_trace_is_drawn_with_children_below_their_parents() -> None:
    """Start and duration in milliseconds, deeper spans further to the right."""
    spans = traces.spans_of(ANSWER)
    assert traces.tree(spans, spans[0].began_us) == [
        "      +0.0 ms        2.0 ms  Add  (tally-producer)",
        "      +0.1 ms        0.9 ms    create  (tally-producer)",
        "      +0.5 ms        0.7 ms      process  (tally-consumer)",
    ]


def test_other_traces_are_found_once_each() -> None:
    """The transaction and the block are traces of their own, whatever the number of links to them."""
    assert traces.linked(traces.spans_of(ANSWER)) == ["send", "block"]


def test_a_span_whose_parent_is_elsewhere_is_shown_as_a_root() -> None:
    """Nothing disappears because the caller's own span is not in the store."""
    answer = {"data": [{"spans": [span("a", "Add", 0, 1, parent="callers")], "processes": PROCESSES}]}
    assert len(traces.tree(traces.spans_of(answer), 0)) == 1


def test_a_failure_is_named() -> None:
    """A span that failed shows the type of its error."""
    tags = [{"key": "error", "value": True}, {"key": "error.type", "value": "UNAVAILABLE"}]
    answer = {"data": [{"spans": [span("a", "Add", 0, 1, tags=tags)], "processes": PROCESSES}]}
    assert traces.tree(traces.spans_of(answer), 0)[0].endswith("FAILED: UNAVAILABLE")


def test_no_answer_is_no_span() -> None:
    """An empty answer of the trace store has no spans."""
    assert traces.spans_of({"data": []}) == []


def test_what_is_neither_a_request_nor_a_trace_is_told() -> None:
    """The message names the value and what is allowed, with the exit code of wrong usage."""
    done = CliRunner().invoke(main, ["trace", "nonsense"])
    assert done.exit_code == 2
    assert "'nonsense' is neither a UUID nor a trace id of 32 hexadecimal digits" in done.output


@pytest.mark.parametrize(
    ("command", "setting"), [("trace", "TALLY_TRACES_ENGINE_PORT"), ("logs", "TALLY_LOGS_ENGINE_PORT")]
)
def test_an_engine_that_does_not_run_is_told_with_the_setting(command: str, setting: str, monkeypatch) -> None:
    """Exit code 69, the address and the variable that moves it."""
    monkeypatch.setenv(setting, "1")
    done = CliRunner().invoke(main, [command, "0" * 32])
    assert done.exit_code == 69
    assert "127.0.0.1:1" in done.output
    assert setting in done.output


def test_a_log_line_shows_what_it_says_beside_the_message() -> None:
    """A log line is printed with time, level, service, message and its own fields, without the noise."""
    line = {
        "_time": "2026-11-25T21:03:41.373838848Z",
        "_msg": "cache is warm",
        "severity_text": "INFO",
        "service.name": "tally-producer",
        "service.version": "0.1.0",
        "ids": "3",
    }
    assert readable(line) == "2026-11-25T21:03:41.373Z INFO    tally-producer  cache is warm ids=3"
