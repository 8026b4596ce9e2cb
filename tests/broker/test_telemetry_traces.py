"""One trace runs from the caller through the Kafka transaction to the fsync; a backend that fails holds up nothing."""

import json
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from observability import catalogue
from stack import Stack
from stack.parts.names import ORDER
from tally.generated.tally.v1 import tally_pb2
from tests_support import rest
from tests_support.producer.blocking_stub import blocking_stub
from tests_support.producer.process import addition
from tests_support.running.stacks import stack_factory, temporary_folder
from tests_support.telemetry.otlp_backend import Backend, otlp_backend
from tests_support.telemetry.scrape import scrape
from tests_support.waiting import eventually

ADD = "tally.v1.TallyService/Add"
CREATE, SEND, PROCESS = (f"{verb} tally.sums.v1" for verb in ("create", "send", "process"))
TRACE_ID, CALLER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
WAIT_S = 30.0
SECRETS = {"TALLY_REGISTRY_PASSWORD": "planted-pass-7391"}


@pytest.fixture(scope="module")
def backend() -> Iterator[Backend]:
    with otlp_backend() as one:
        yield one


@pytest.fixture(scope="module")
def stack(backend: Backend) -> Iterator[Stack]:
    """A stack that traces only what its callers trace."""
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": backend.url,
        "OTEL_METRIC_EXPORT_INTERVAL": "500",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "1",
        "TALLY_TRACE_RATIO": "0",
        "TALLY_LOG_LEVEL": "DEBUG",
        "TALLY_LOG_FORMAT": "json",
        **SECRETS,
    }
    with temporary_folder() as folder, stack_factory(folder) as new:
        yield new(environment, parts=ORDER)


def add(stack: Stack, traceparent: str = "", **fields: str) -> tally_pb2.AddResponse:
    """Call once, with a caller's span or without. Raises grpc.RpcError."""
    metadata = (("traceparent", traceparent),) if traceparent else None
    with grpc.insecure_channel(stack.grpc_target) as channel:
        return blocking_stub(channel).Add(addition(**fields), timeout=20, metadata=metadata)


def caller(flags: str = "01", trace_id: str = TRACE_ID) -> str:
    return f"00-{trace_id}-{CALLER}-{flags}"


def of_trace(backend: Backend, trace_id: str) -> list[Any]:
    return [span for span in backend.spans if span.trace_id.hex() == trace_id]


def linked(span: Any, other: Any) -> bool:
    return any((link.trace_id, link.span_id) == (other.trace_id, other.span_id) for link in span.links)


def attributes(span: Any) -> dict[str, str]:
    return {each.key: each.value.string_value or str(each.value.int_value) for each in span.attributes}


@pytest.fixture(scope="module")
def journey(stack: Stack, backend: Backend) -> dict[str, Any]:
    """The spans of one traced addition, by what they are."""
    add(stack, caller())

    def complete() -> dict[str, Any] | None:
        mine = {span.name: span for span in of_trace(backend, TRACE_ID)}
        sends, fsyncs = backend.named(SEND), backend.named("fsync")
        blocks = [span for span in backend.named(PROCESS) if span.trace_id.hex() != TRACE_ID]
        if {ADD, CREATE, PROCESS} <= mine.keys() and sends and fsyncs and blocks:
            parts = {"call": mine[ADD], "create": mine[CREATE], "record": mine[PROCESS]}
            return {**parts, "send": sends[0], "block": blocks[0], "fsync": fsyncs[0]}
        return None

    return eventually(complete, WAIT_S, "all spans of one addition have arrived")


def test_one_trace_runs_from_the_caller_to_the_disk(journey: dict[str, Any]) -> None:
    """Caller, call, record's creation, record's way into the ledger: each the parent of the next."""
    chain: Sequence[Any] = [journey[key] for key in ("call", "create", "record")]
    assert [span.parent_span_id.hex() for span in chain] == [CALLER, *(span.span_id.hex() for span in chain[:-1])]
    assert [span.kind for span in chain] == [Span.SPAN_KIND_SERVER, Span.SPAN_KIND_PRODUCER, Span.SPAN_KIND_CONSUMER]
    assert journey["record"].end_time_unix_nano >= journey["fsync"].end_time_unix_nano
    assert attributes(journey["record"])["kind"] == "COUNTED"


def test_the_transaction_and_the_block_are_traces_of_their_own_with_links(journey: dict[str, Any]) -> None:
    """Transaction and block, which serve many callers, are traces of their own, linked to each addition's."""
    for key in ("send", "block"):
        assert journey[key].parent_span_id == b""
        assert journey[key].trace_id != journey["call"].trace_id
        assert linked(journey[key], journey["create"])
    assert linked(journey["create"], journey["send"])
    assert linked(journey["record"], journey["block"])
    assert journey["fsync"].parent_span_id == journey["block"].span_id
    assert journey["send"].kind == Span.SPAN_KIND_CLIENT


def test_rest_goes_on_with_the_callers_trace(stack: Stack, backend: Backend) -> None:
    """A REST call's span is named by its route and continues the caller's trace; health checks have none."""
    trace_id = "1" * 32
    for path in ("/v1/partitions/3", "/health/live"):
        rest.get(stack.rest_url + path, headers={"traceparent": caller(trace_id=trace_id)})
    [span] = eventually(lambda: of_trace(backend, trace_id), WAIT_S, "the span of REST has arrived")
    assert span.name.startswith("GET /v1/partitions/{")
    assert span.parent_span_id.hex() == CALLER


def test_what_the_caller_does_not_sample_is_not_traced(stack: Stack, backend: Backend) -> None:
    """Nor is what came without a traceparent, with a ratio of 0, nor what cannot be read."""
    ids = {flags: digit * 32 for flags, digit in (("00", "2"), ("01", "3"))}
    add(stack, caller("00", ids["00"]))
    add(stack)
    add(stack, "00-junk")
    add(stack, caller("01", ids["01"]))
    eventually(lambda: of_trace(backend, ids["01"]), WAIT_S, "the span of the last call has arrived")
    assert of_trace(backend, ids["00"]) == []
    assert all(span.parent_span_id.hex() == CALLER for span in backend.named(ADD))


def test_a_wrong_request_is_no_error_of_the_service(stack: Stack, backend: Backend) -> None:
    """A refused request has its status as an attribute of its span, which is not marked as failed."""
    trace_id = "4" * 32
    with pytest.raises(grpc.RpcError):
        add(stack, caller(trace_id=trace_id), a="two")
    [span] = eventually(lambda: of_trace(backend, trace_id), WAIT_S, "the span has arrived")
    assert attributes(span)["rpc.response.status_code"] == "INVALID_ARGUMENT"
    assert span.status.code == Status.STATUS_CODE_UNSET


def test_a_latency_bucket_leads_to_the_trace(stack: Stack, backend: Backend, journey: dict[str, Any]) -> None:
    """The exemplar of a latency bucket leads to the trace of a call that fell into it."""
    found = scrape(stack.metrics_url, "application/openmetrics-text; version=1.0.0")
    led_to = {labels["trace_id"] for (name, _), labels in found.exemplars.items() if name.startswith("rpc_server_call")}
    assert led_to
    assert all(of_trace(backend, trace_id) for trace_id in led_to)


def test_the_spans_and_metrics_that_arrive_are_those_of_the_catalogue(
    backend: Backend, journey: dict[str, Any]
) -> None:
    """Each attribute is listed with its span, and every kind of span of the services has arrived."""
    for key, span in journey.items():
        allowed = set(catalogue.load().spans[key].attributes)
        assert attributes(span).keys() <= allowed, key
    services = {key for key, span in catalogue.load().spans.items() if set(span.services) & {"producer", "consumer"}}
    assert services == {*journey, "request"}
    eventually(lambda: backend.services >= {"tally-producer", "tally-consumer"}, WAIT_S, "both have sent")
    known = catalogue.load().metrics_of("producer") | catalogue.load().metrics_of("consumer")
    eventually(lambda: len(backend.metrics) > 20, WAIT_S, "metrics have arrived")
    assert backend.metrics <= known


def test_log_lines_arrive_and_one_leads_to_its_trace(stack: Stack, backend: Backend) -> None:
    """What a transaction of a traced addition logs carries the ids of its `send` span."""

    def of_send() -> Any:
        sends = {(span.trace_id, span.span_id) for span in backend.named(SEND)}
        return [each for each in backend.logs if (each.trace_id, each.span_id) in sends]

    add(stack, caller(trace_id="6" * 32))
    found = eventually(of_send, WAIT_S, "a log record of a transaction has arrived")
    assert found[0].body.string_value.startswith("transaction committed")
    assert found[0].severity_text == "DEBUG"
    line = next(line for line in stack.log_path("producer").read_text().splitlines() if found[0].trace_id.hex() in line)
    assert json.loads(line)["span_id"] == found[0].span_id.hex()


def test_a_call_leaves_no_line_of_its_own(stack: Stack, backend: Backend) -> None:
    """At DEBUG: one line a transaction, and none for the calls, those that are refused among them."""

    def lines() -> list[str]:
        return [json.loads(line)["message"] for line in stack.log_path("producer").read_text().splitlines()]

    def transactions() -> float:
        return scrape(stack.metrics_url).total("app_txn_records_count")

    told, sent = len(lines()), transactions()
    with grpc.insecure_channel(stack.grpc_target) as channel:
        blocking_stub(channel).AddBatch(
            tally_pb2.AddBatchRequest(additions=[addition() for _ in range(200)]), timeout=20
        )
    for _ in range(5):
        add(stack)
        with pytest.raises(grpc.RpcError):
            add(stack, a="two")
    new = eventually(lambda: lines()[told:], WAIT_S, "the transactions are told")
    assert all(line.startswith("transaction committed") for line in new)
    assert 1 <= len(new) == transactions() - sent <= 200


def test_secrets_and_payloads_are_in_no_log_and_no_span(stack: Stack, backend: Backend) -> None:
    """Planted in settings, operands and ids; looked for in every file and in everything that was sent, at DEBUG."""
    request_id = str(uuid.uuid4())
    operands = ("31415926.535", "27182818.284")
    add(stack, caller(trace_id="7" * 32), a=operands[0], b=operands[1], request_id=request_id)
    for fields in ({"a": operands[0], "b": "1"}, {"a": "planted-words"}):
        with pytest.raises(grpc.RpcError):
            add(stack, caller(trace_id="8" * 32), **{"request_id": request_id, **fields})
    eventually(lambda: of_trace(backend, "8" * 32), WAIT_S, "the last span has arrived")
    told = "\n".join(path.read_text(errors="replace") for path in (stack.data_dir / "log").iterdir())
    told += "\n".join(str(each) for each in (*backend.logs, *backend.spans))
    assert "starting" in told
    planted = (*operands, "planted-words", request_id, *SECRETS.values())
    assert [each for each in planted if each in told] == []


@pytest.mark.parametrize("trouble", ["refuses", "hangs"])
def test_with_the_backend_in_trouble_the_service_serves_on_and_counts(
    stack: Stack, backend: Backend, trouble: str
) -> None:
    """Calls are answered and counted in the ledger as before; what did not arrive is in app_telemetry_dropped_total."""

    def dropped(url: str, signal: str) -> float:
        return scrape(url).total("app_telemetry_dropped_total", signal=signal)

    before = dropped(stack.metrics_url, "traces"), dropped(stack.metrics_url, "metrics")
    if trouble == "refuses":
        backend.status = 400
    else:
        backend.hang.set()
    try:
        for _ in range(5):
            place = add(stack, caller(trace_id="5" * 32)).position
        path = f"/v1/total?min_position={place.partition}:{place.offset}&wait_ms=20000"
        assert rest.get(stack.rest_url + path).status == 200
        eventually(lambda: dropped(stack.metrics_url, "traces") >= before[0] + 5, WAIT_S, "lost spans are counted")
        eventually(lambda: dropped(stack.metrics_url, "metrics") > before[1], WAIT_S, "lost exports are counted")
    finally:
        backend.status = 200
        backend.hang.clear()
