"""`tally logs` and `tally trace` against a scripted engine, and without one."""

import json

import pytest

TRACE = "2f7cd964f206d1056f393d84e6cfabda"
LINE = {
    "_time": "2026-11-23T06:47:30.940000Z",
    "_msg": "it started",
    "severity_text": "INFO",
    "service.name": "producer",
}
QUERY = "/select/logsql/query"


@pytest.mark.parametrize(
    ("arguments", "store", "setting"),
    [
        (("logs",), "the log store", "TALLY_LOGS_ENGINE_PORT"),
        (("trace", TRACE), "the trace store", "TALLY_TRACES_ENGINE_PORT"),
    ],
)
async def test_without_an_engine_the_recipe_that_starts_it_is_named(tally, arguments, store, setting):
    """`tally logs` and `tally trace` without engines tell to start them by `just observe`, not by `just up`."""
    result = await tally(*arguments, **{setting: "1"})
    assert result.exit_code == 69
    assert f"{store} does not answer at http://127.0.0.1:1: start it with `just observe`" in result.stderr
    assert setting in result.stderr


async def test_a_query_that_the_engine_refuses_is_told_in_the_engine_s_words(tally, rest):
    """A wrong query is no engine that is not there: what the engine says of it is shown."""
    rest.on("GET", QUERY, b"cannot parse query [(]: missing ')'\n", status=400)
    result = await tally("logs", "(", TALLY_LOGS_ENGINE_PORT=str(rest.server.server_port))
    assert result.exit_code == 1
    assert "400 cannot parse query [(]: missing ')'" in result.stderr


async def test_logs_prints_lines_the_oldest_first_and_nothing_else(tally, rest):
    """The newest lines come in the order in which they were written, and nothing is told beside them."""
    later = {**LINE, "_time": "2026-11-23T06:47:31.940000Z", "_msg": "it ended"}
    rest.on("GET", QUERY, b"\n".join(json.dumps(each).encode() for each in (later, LINE)))
    result = await tally("logs", TALLY_LOGS_ENGINE_PORT=str(rest.server.server_port))
    assert [line.rpartition(" it ")[2] for line in result.stdout.splitlines()] == ["started", "ended"]
    assert result.stderr == ""


async def test_a_query_that_matches_nothing_says_so(tally, rest):
    """No matching line is told on standard error; standard output stays empty and the exit code 0."""
    rest.on("GET", QUERY, b"")
    result = await tally("logs", "severity_text:ERROR", TALLY_LOGS_ENGINE_PORT=str(rest.server.server_port))
    assert result.exit_code == 0
    assert result.stdout == ""
    assert result.stderr == "no log line matches 'severity_text:ERROR'\n"


async def test_a_trace_that_the_engine_does_not_have_is_told(tally, rest):
    """A trace that is not stored ends with exit code 1 and a sentence that names it."""
    rest.on("GET", f"/api/traces/{TRACE}", b"{}", status=404)
    result = await tally("trace", TRACE, TALLY_TRACES_ENGINE_PORT=str(rest.server.server_port))
    assert result.exit_code == 1
    assert f"has no trace {TRACE}" in result.stderr
