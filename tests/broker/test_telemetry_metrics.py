"""What running services tell of themselves is what the catalogue says, no more and no less."""

import socket
import uuid
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from observability import catalogue
from observability.catalogue import prometheus_name
from stack import Stack
from stack.parts.names import ORDER
from tally.generated.tally.v1 import tally_pb2
from tests_support import rest
from tests_support.producer.blocking_stub import blocking_stub
from tests_support.producer.process import addition, producers
from tests_support.running.stacks import stack_factory, temporary_folder
from tests_support.telemetry.scrape import Scrape, scrape
from tests_support.waiting import eventually

TOPIC = "tally.sums.v1"
ADDITIONS = 20
BATCH = 5


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with temporary_folder() as folder, stack_factory(folder) as new:
        yield new(parts=ORDER)


@pytest.fixture(scope="module")
def scrapes(stack: Stack) -> dict[str, Scrape]:
    """Scrapes of both services after some good and bad calls, all of which were counted."""
    with grpc.insecure_channel(stack.grpc_target) as channel:
        stub = blocking_stub(channel)
        requests = [addition() for _ in range(ADDITIONS)]
        answers = [stub.Add(request, timeout=20) for request in requests]
        batch = stub.AddBatch(tally_pb2.AddBatchRequest(additions=[addition() for _ in range(BATCH)]), timeout=20)
        answers += [each.response for each in batch.results]
        with pytest.raises(grpc.RpcError):
            stub.Add(addition(a="two"), timeout=20)
    for answer in answers:
        place = answer.position
        rest.get(f"{stack.rest_url}/v1/total?min_position={place.partition}:{place.offset}&wait_ms=20000")
    assert rest.get(f"{stack.rest_url}/v1/requests/{uuid.uuid4()}").status == 404
    urls = {"producer": stack.metrics_url, "consumer": f"{stack.rest_url}/metrics"}

    def missing() -> list[str]:
        return [name for each, url in urls.items() for name in expected(each) - names_of(scrape(url))]

    eventually(lambda: not missing(), 20, "all metrics of the catalogue are there")
    return {service: scrape(url) for service, url in urls.items()}


def expected(service: str) -> set[str]:
    metrics = catalogue.load().metrics
    return {prometheus_name(name, metrics[name]) for name in catalogue.load().metrics_of(service)}


def names_of(found: Scrape) -> set[str]:
    return set(found.kinds) - {"target_info"}


@pytest.mark.parametrize("service", ["producer", "consumer"])
def test_what_is_emitted_is_what_the_catalogue_lists(scrapes: dict[str, Scrape], service: str) -> None:
    """Services emit exactly the metrics of the catalogue, with the names, kinds and labels that it lists."""
    found = scrapes[service]
    assert names_of(found) == expected(service)
    by_name = {prometheus_name(name, each): each for name, each in catalogue.load().metrics.items()}
    for name, kind in found.kinds.items():
        if name == "target_info":
            continue
        assert kind == by_name[name].kind, name
        allowed = {catalogue.prometheus_label(each) for each in by_name[name].attributes} | {"le"}
        used = {label for (sample, pairs) in found.values if sample.startswith(name) for label, _ in pairs}
        assert used <= allowed, name


def test_calls_records_and_rows_agree(scrapes: dict[str, Scrape]) -> None:
    """What the producer answers and sends is what the consumer fetches and counts, by their metrics."""
    producer, consumer = scrapes["producer"], scrapes["consumer"]
    calls = "rpc_server_call_duration_seconds_count"
    method = "tally.v1.TallyService/Add"
    assert producer.total(calls, rpc_method=method, rpc_response_status_code="OK") == ADDITIONS
    assert producer.total(calls, rpc_method=method, rpc_response_status_code="INVALID_ARGUMENT") == 1
    assert producer.total(calls, rpc_method=f"{method}Batch", rpc_response_status_code="OK") == 1
    sent = producer.total("messaging_client_sent_messages_total", messaging_destination_name=TOPIC)
    assert sent == ADDITIONS + BATCH
    assert producer.total("app_txn_records_sum") == sent
    assert consumer.total("messaging_client_consumed_messages_total") == sent
    assert consumer.total("app_ledger_records_total", kind="COUNTED") == sent
    assert consumer.total("app_queue_latency_seconds_count") == sent
    assert consumer.total("app_block_records_sum") == sent
    assert producer.total("app_ready_ratio") == consumer.total("app_ready_ratio") == 1


def test_routes_are_templates_and_no_series_has_an_id(scrapes: dict[str, Scrape]) -> None:
    """REST calls are counted by route template, since a series for each URL would fill any store."""
    routes = scrapes["consumer"].label_values("http_server_request_duration_seconds_count", "http_route")
    assert {"/v1/total", "/v1/requests/{request_id}"} <= routes
    assert all("-" not in route for route in routes)


def test_a_taken_metrics_port_ends_the_start_and_names_the_setting(kafka_stack: Stack, tmp_path: Path) -> None:
    """A producer whose metrics port is taken ends with code 1 and names the setting and the port."""
    with socket.socket() as taken, producers(kafka_stack, tmp_path) as factory:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        one = factory.start(producer_metrics_port=port)
        assert one.wait_end() == 1
        assert f"TALLY_PRODUCER_METRICS_PORT is {port}" in one.text()
