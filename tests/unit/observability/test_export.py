"""All three signals over OTLP, to a backend that takes them, and to one that does not; without Kafka."""

import asyncio
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from loguru import logger

from observability import logs
from observability.current import CURRENT
from observability.otlp import OtlpError, check, protocol_of
from observability.telemetry import Telemetry
from observability.tracing import finish, trace_of
from stack.ports import Ports
from tests_support.checkout import ROOT
from tests_support.telemetry.otlp_backend import Backend, otlp_backend, otlp_backend_by_grpc
from tests_support.waiting import eventually

WAIT_S = 20.0


@pytest.fixture(params=["http/protobuf", "grpc"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    """A backend that this process is told to send to, by each protocol; loguru is left without sinks."""
    with otlp_backend_by_grpc() if request.param == "grpc" else otlp_backend() as one:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", request.param)
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", one.url)
        monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "200")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "1")
        for name in ("no_proxy", "NO_PROXY", "no_grpc_proxy"):
            monkeypatch.delenv(name, raising=False)
        for name in ("http_proxy", "grpc_proxy"):  # it could not reach this machine, and is not there
            monkeypatch.setenv(name, "http://127.0.0.1:1")
        logs.configure("producer", "INFO", "json")
        yield one
    logger.remove()
    CURRENT.set(None)


async def opened() -> Telemetry:
    telemetry = Telemetry("producer", "7", 1.0, "INFO")
    telemetry.open()
    return telemetry


def one_of_each(telemetry: Telemetry) -> str:
    """Make a span, and a log line in it; return the trace's id in hex."""
    assert telemetry.tracing is not None
    parent = telemetry.tracing.chosen({})
    span = telemetry.tracing.start("call", {"rpc.method": "a.B/C"}, parent=parent)
    CURRENT.set(trace_of(span))
    logger.bind(lane=3).error("it {}", "failed")
    finish(span, {"error.type": "INTERNAL"})
    return f"{trace_of(span).trace_id:032x}"


async def test_a_span_a_log_record_and_metrics_arrive_and_belong_together(backend: Backend) -> None:
    """The log record has the span's ids, its level, its fields; what is left is sent at the end."""
    telemetry = await opened()
    trace_id = one_of_each(telemetry)
    await asyncio.to_thread(telemetry.close, WAIT_S)
    [span] = backend.named("a.B/C")
    [record] = [each for each in backend.logs if each.body.string_value == "it failed"]
    assert span.trace_id.hex() == record.trace_id.hex() == trace_id
    assert span.span_id == record.span_id
    assert record.severity_text == "ERROR"
    assert {each.key: each.value.string_value for each in record.attributes}["lane"] == "3"
    assert {"process.cpu.time", "app.log.records"} <= backend.metrics
    assert backend.services == {"tally-producer"}


async def test_what_libraries_say_is_sent_and_no_secret_is(backend: Backend) -> None:
    """In the message, a field, an exception and its traceback; what the exporter itself says is not sent."""
    telemetry = await opened()
    address = "http://u:s3cr/et@h"
    logger.bind(url=address).opt(exception=ValueError(address)).error("no answer at {}", address)
    logging.getLogger("uvicorn.error").warning("Invalid HTTP request received.")
    logging.getLogger("opentelemetry.exporter").warning("no backend")
    await asyncio.to_thread(telemetry.close, WAIT_S)
    bodies = {each.body.string_value for each in backend.logs}
    assert {"no answer at http://***", "a library says: Invalid HTTP request received."} <= bodies
    assert not any("no backend" in body for body in bodies)
    assert "s3cr" not in str(backend.logs)


@pytest.mark.parametrize("trouble", ["refuses", "hangs"])
async def test_what_a_backend_in_trouble_does_not_take_is_counted(backend: Backend, trouble: str) -> None:
    """Lost spans, metrics and logs are counted each, and closing waits no longer than it is allowed to."""
    if trouble == "refuses":
        backend.status = 400
    else:
        backend.hang.set()
    telemetry = await opened()
    one_of_each(telemetry)

    def lost() -> set[object]:
        return {values[0] for total, values in telemetry.metrics.dropped.sums() if total}

    await asyncio.to_thread(
        eventually, lambda: lost() == {"traces", "metrics", "logs"}, WAIT_S, "a loss of each signal is counted"
    )
    await asyncio.wait_for(asyncio.to_thread(telemetry.close, 0.5), WAIT_S)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}, "http/protobuf"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "grpc"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://x"}, "http/protobuf"),
        ({"OTEL_EXPORTER_OTLP_LOGS_ENDPOINT": "http://x"}, None),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", "OTEL_SDK_DISABLED": "true"}, None),
    ],
)
def test_traces_are_sent_where_the_standard_variables_say_so(environment: dict[str, str], expected: str | None) -> None:
    """OpenTelemetry's variables decide whether traces are exported, and by which protocol."""
    assert protocol_of("traces", environment) == expected


@pytest.mark.parametrize(
    ("name", "value"), [("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"), ("OTEL_METRIC_EXPORT_INTERVAL", "soon")]
)
def test_a_variable_that_cannot_be_followed_is_named(name: str, value: str) -> None:
    """An unsupported protocol or a malformed interval is refused with the variable and its value."""
    with pytest.raises(OtlpError, match=f"{name} is '{value}'"):
        check({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://x", name: value})


@pytest.mark.parametrize("service", ["producer", "consumer"])
def test_a_service_with_such_a_variable_ends_with_one_line_and_2(service: str, tmp_path: Path) -> None:
    """A service does not start with a variable of OpenTelemetry that it cannot follow: one line, exit code 2."""
    given = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json",
        "TALLY_DATA_DIR": str(tmp_path),
        "TALLY_REST_PORT": str(Ports.free().rest),
        "TALLY_LOG_LEVEL": "ERROR",
    }
    command = [sys.executable, "-m", service]
    done = subprocess.run(command, env=os.environ | given, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json': allowed are http/protobuf and grpc\n"
