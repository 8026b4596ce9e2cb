"""REST over a real ledger and a board, without Kafka."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from codegen import tree
from codegen.proto.rules import message_rules
from consumer.core.open_transactions import Held
from consumer.core.partition.state import Paused, Recovering, Refused, State
from consumer.core.snapshot import Outside
from consumer.shell.views.board import SnapshotBoard
from tests_support.checkout import ROOT
from tests_support.consumer.rest_world import OTHER, PARTITIONS, UNKNOWN, rest_world
from tests_support.ledger.records import PARTITION, request_id
from tests_support.waiting import eventually

Client = TestClient[Any]


@dataclass
class World:
    """A client, and the picture behind it."""

    client: Client
    show: Callable[[State], None]
    board: SnapshotBoard


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with rest_world(tmp_path) as made, TestClient(made.app, raise_server_exceptions=False) as client:
        yield World(client, made.show, made.board)


def problem(answer: Any, status: int) -> Any:
    """Return the problem document that an answer must be."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"].startswith("application/problem+json")
    body = answer.json()
    assert body["status"] == status
    assert {"title", "detail"} <= set(body)
    assert "Traceback" not in answer.text
    return body


def test_the_total_is_text_and_the_sum_over_the_partitions_of_the_same_answer(world: World) -> None:
    """/v1/total has an exact total as text, each partition's share and state, and tells when it is not complete."""
    body = world.client.get("/v1/total").json()
    assert body["total"] == "1.000000001"
    assert (body["count"], body["duplicates"], body["conflicts"], body["poison"]) == (5, 1, 1, 1)
    assert body["partitions"][PARTITION] == {
        "partition": PARTITION, "state": "RUNNING", "next_offset": 6, "count": 2, "total": "0.000000001"
    }  # fmt: skip
    assert body["partitions"][OTHER]["state"] == "ELSEWHERE"
    assert body["partitions"][UNKNOWN] == {
        "partition": UNKNOWN, "state": "UNASSIGNED", "next_offset": None, "count": None, "total": None
    }  # fmt: skip
    assert body["complete"] is False


def test_a_position_that_is_reached_answers_at_once_and_another_one_504(world: World) -> None:
    """/v1/total with min_position answers at once when that is counted, and 504 when it is not within wait_ms."""
    assert world.client.get(f"/v1/total?min_position={PARTITION}:5&wait_ms=0").status_code == 200
    body = problem(world.client.get(f"/v1/total?min_position={PARTITION}:6&wait_ms=10"), 504)
    assert body["type"] == "urn:tally:problem:position-not-reached"


@pytest.mark.parametrize(
    "query", ["min_position=3", "min_position=12:1", "min_position=x:1", "wait_ms=-1", "wait_ms=x",
              "min_position=3:1&wait_ms=30001"]
)  # fmt: skip
def test_a_wrong_parameter_of_the_total_is_a_problem_that_names_it(world: World, query: str) -> None:
    """A wrong min_position or wait_ms is answered 400 with a problem document that names the parameter."""
    body = problem(world.client.get(f"/v1/total?{query}"), 400)
    assert query.rpartition("&")[2].partition("=")[0] in str(body)


def test_a_request_tells_where_and_how_it_was_counted(world: World) -> None:
    """/v1/requests gives a counted request's offset, exact operands and sum, and the offsets of its conflicts."""
    own = uuid.UUID(bytes=request_id(0))
    body = world.client.get(f"/v1/requests/{own}").json()
    assert (body["offset"], body["a"], body["b"], body["sum"]) == (0, "0.000000005", "-0.000000007", "-0.000000002")
    assert body["conflicts"] == [4]
    assert body["request_id"] == str(own)


def test_a_request_that_was_not_counted_is_404_only_where_this_replica_can_know(world: World) -> None:
    """An uncounted request is 404 while its partition runs or is paused, and 503 while it recovers or is refused."""
    url = f"/v1/requests/{uuid.UUID(bytes=request_id(50))}"
    problem(world.client.get(url), 404)
    world.show(Paused("no room"))
    problem(world.client.get(url), 404)
    for state in (Recovering("replaying"), Refused("rot", "cure")):
        world.show(state)
        assert problem(world.client.get(url), 503)["type"].endswith("not-known")


def test_a_request_of_another_replica_is_307_to_it_and_503_while_nobody_is_known(world: World) -> None:
    """A request of another replica's partition is redirected to that replica, or answered 503 while none is known."""
    url = f"/v1/requests/{uuid.UUID(bytes=request_id(0, OTHER))}"
    answer = world.client.get(url, follow_redirects=False)
    assert problem(answer, 307)
    assert answer.headers["location"] == f"http://other:8000{url}"
    problem(world.client.get(f"/v1/requests/{uuid.UUID(bytes=request_id(0, UNKNOWN))}"), 503)


def test_entries_are_paged_without_gaps_or_repetition(world: World) -> None:
    """Following `next` through /v1/entries gives each row here once and in order, and names the missing partitions."""
    seen, cursor = [], ""
    while True:
        page = world.client.get(f"/v1/entries?limit=2{cursor}").json()
        seen += [(row["partition"], row["offset"], row["kind"]) for row in page["entries"]]
        assert {OTHER, UNKNOWN} <= set(page["missing"])
        if page["next"] is None:
            break
        cursor = f"&after={page['next']}"
    kinds = ["COUNTED", "COUNTED", "DUPLICATE", "CONFLICT", "POISON"]
    assert seen == [(PARTITION, offset, kind) for offset, kind in zip((0, 2, 3, 4, 5), kinds, strict=True)]
    page = world.client.get(f"/v1/entries?partition={PARTITION}&after=3").json()
    assert [row["offset"] for row in page["entries"]] == [4, 5]
    assert page["entries"][1]["reason"] == "FRAMING"


def test_entries_of_another_replica_are_307_with_the_whole_query(world: World) -> None:
    """A query for entries of another replica's partition is redirected to that replica with all of its parameters."""
    answer = world.client.get(f"/v1/entries?partition={OTHER}&limit=3", follow_redirects=False)
    problem(answer, 307)
    assert answer.headers["location"] == f"http://other:8000/v1/entries?partition={OTHER}&limit=3"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=1001", "partition=12", "after=x", "after=5", "partition=3&after=4:1"]
)
def test_a_wrong_parameter_of_entries_is_a_problem(world: World, query: str) -> None:
    """A wrong limit, partition or cursor of /v1/entries is answered 400 with a problem document."""
    problem(world.client.get(f"/v1/entries?{query}"), 400)


def test_partitions_tell_state_offsets_lag_files_reason_and_cure(world: World) -> None:
    """/v1/partitions has each partition's state, offsets, lag, files and owner, reason and cure (or "")."""
    body = world.client.get(f"/v1/partitions/{PARTITION}").json()
    assert (body["state"], body["committed"], body["last_stable"], body["lag"]) == ("RUNNING", 6, 8, 2)
    assert (body["reason"], body["cure"]) == ("", "")
    assert [file["next_offset"] for file in body["files"]] == [6]
    world.show(Refused("the topic was made again", "move it away"))
    body = world.client.get(f"/v1/partitions/{PARTITION}").json()
    assert (body["state"], body["reason"], body["cure"]) == ("REFUSED", "the topic was made again", "move it away")
    world.show(Paused("Kafka did not answer"))
    body = world.client.get(f"/v1/partitions/{PARTITION}").json()
    assert (body["state"], body["reason"], body["cure"]) == ("PAUSED", "Kafka did not answer", "")
    assert len(world.client.get("/v1/partitions").json()) == PARTITIONS
    assert world.client.get(f"/v1/partitions/{OTHER}").json()["owner_url"] == "http://other:8000/"
    problem(world.client.get("/v1/partitions/12"), 404)


def test_a_partition_that_a_strangers_transaction_holds_up_says_so_everywhere(world: World) -> None:
    """It stays RUNNING, with lag to the high watermark, reason and cure; /health/ready and the page say the same."""
    held = Held(34.4, "has waited 34 s for a transaction that is not ours", "`kafka-transactions.sh` names it")
    outside = Outside(last_stable={PARTITION: 6}, high_watermark={PARTITION: 50}, held={PARTITION: held})
    world.board.publish_outside(outside)
    body = world.client.get(f"/v1/partitions/{PARTITION}").json()
    assert (body["state"], body["lag"], body["held_s"]) == ("RUNNING", 44, 34.4)
    assert (body["last_stable"], body["high_watermark"]) == (6, 50)
    assert (body["reason"], body["cure"]) == (held.reason, held.cure)
    [told] = problem(world.client.get("/health/ready"), 503)["reasons"]
    assert told == {"part": f"partition {PARTITION}", "reason": held.reason, "cure": held.cure}
    assert f"{held.reason}. What to do: {held.cure}" in world.client.get("/").text
    late = problem(world.client.get(f"/v1/total?min_position={PARTITION}:6&wait_ms=0"), 504)
    assert late["detail"].endswith(f"was asked for; {held.reason}")
    world.board.publish_outside(Outside(last_stable={PARTITION: 50}, high_watermark={PARTITION: 50}))
    assert world.client.get(f"/v1/partitions/{PARTITION}").json()["held_s"] is None
    assert world.client.get("/health/ready").status_code == 200


def test_ready_tells_every_reason_and_live_is_live(world: World) -> None:
    """A refused or paused partition makes /health/ready 503 with reason and cure (or ""); /health/live stays 200."""
    assert world.client.get("/health/ready").status_code == 200
    world.show(Refused("rot", "move it away"))
    reasons = problem(world.client.get("/health/ready"), 503)["reasons"]
    assert reasons == [{"part": f"partition {PARTITION}", "reason": "REFUSED: rot", "cure": "move it away"}]
    world.show(Paused("Kafka did not answer"))
    reasons = problem(world.client.get("/health/ready"), 503)["reasons"]
    assert reasons == [{"part": f"partition {PARTITION}", "reason": "PAUSED: Kafka did not answer", "cure": ""}]
    assert world.client.get("/health/live").json() == {"status": "ok"}


@pytest.mark.parametrize(
    ("method", "path", "status"), [("GET", "/nowhere", 404), ("POST", "/v1/total", 405), ("GET", "/v1/requests/x", 400)]
)
def test_every_error_is_a_problem_document(world: World, method: str, path: str, status: int) -> None:
    """An unknown path, a wrong method and a wrong parameter are each answered by a problem document of their status."""
    problem(world.client.request(method, path), status)


def test_a_defect_is_a_500_that_tells_the_caller_nothing(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An unexpected exception is answered 500 with a problem document that shows nothing of the exception's text."""

    def broken(*_: object) -> object:
        raise RuntimeError("secret")

    monkeypatch.setattr("consumer.rest.total.total_of", broken)
    assert "secret" not in str(problem(world.client.get("/v1/total"), 500))


# -- exports ---------------------------------------------------------------------------------------------------------


def order(world: World, **body: Any) -> Any:
    return world.client.post("/v1/exports", json={"format": "csv", "partitions": [PARTITION], **body})


def done(world: World, location: str) -> Any:
    def look() -> Any:
        body = world.client.get(location).json()
        return body if body["state"] == "DONE" else None

    return eventually(look, 10, "the export is done")


def test_an_export_is_accepted_done_and_downloaded_whole_or_in_ranges(world: World) -> None:
    """An export is accepted, downloaded whole or by ranges with its hash as ETag, and gone once it is deleted."""
    accepted = order(world)
    assert accepted.status_code == 202
    location = accepted.headers["location"]
    record = done(world, location)
    assert (record["rows"], record["counted"], record["positions"]) == (5, 2, {str(PARTITION): 6})
    whole = world.client.get(f"{location}/file")
    assert whole.status_code == 200
    assert whole.headers["etag"] == f'"{record["sha256"]}"'
    assert whole.headers["content-type"].startswith("text/csv")
    assert len(whole.content) == record["size_bytes"] == int(whole.headers["content-length"])
    part = world.client.get(f"{location}/file", headers={"Range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole.content[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
    problem(world.client.get(f"{location}/file", headers={"Range": "bytes=99999-"}), 416)
    stale = world.client.get(f"{location}/file", headers={"Range": "bytes=0-1", "If-Range": '"old"'})
    assert stale.status_code == 200
    assert world.client.delete(location).status_code == 204
    problem(world.client.get(location), 404)
    problem(world.client.delete(location), 404)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"format": "xml"}, 400),
        ({"formatt": "csv"}, 400),
        ({"partitions": [12]}, 400),
        ({"partitions": []}, 400),
        ({"from": "2026-01-01T00:00:00"}, 400),
        ({"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}, 400),
        ({"partitions": [OTHER]}, 503),
    ],
)
def test_an_export_that_cannot_be_is_a_problem(world: World, body: dict[str, Any], status: int) -> None:
    """An order with a wrong format, field, partition or time is 400, one for another replica's partition 503."""
    problem(order(world, **body), status)


@pytest.mark.parametrize(("form", "media_type"), [("parquet", "vnd.apache.parquet"), ("avro", "vnd.apache.avro")])
def test_an_export_for_programs_has_the_media_type_of_its_format(world: World, form: str, media_type: str) -> None:
    """A Parquet or Avro export is served with the media type of its format."""
    location = order(world, format=form).headers["location"]
    assert done(world, location)["rows"] == 5
    assert world.client.get(f"{location}/file").headers["content-type"] == f"application/{media_type}"


def test_parquet_without_pyarrow_is_501_with_the_cure(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without pyarrow, an order for Parquet is 501 and names the extra to install, and one for Avro is accepted."""
    monkeypatch.setattr("tally.ledger.exports.writers.importlib.util.find_spec", lambda _name: None)
    assert "tally[parquet]" in problem(order(world, format="parquet"), 501)["detail"]
    assert order(world, format="avro").status_code == 202


def test_an_export_of_everything_is_refused_where_a_partition_is_another_replicas(world: World) -> None:
    """An export of everything is 503 and names the partitions of other replicas, so that no part passes for all."""
    body = problem(world.client.post("/v1/exports", json={"format": "csv"}), 503)
    assert str(OTHER) in body["detail"]


def test_the_number_of_exports_is_bounded(world: World) -> None:
    """An order beyond the number of exports that are kept is answered 409."""
    for _ in range(3):
        done(world, order(world).headers["location"])
    problem(order(world), 409)


# -- the document ----------------------------------------------------------------------------------------------------


def test_the_page_of_the_api_needs_no_internet(world: World) -> None:
    """Everything that the API's page loads comes from this server and is answered with 200."""
    page = world.client.get("/schema").text
    sources = [part.split('"')[0] for mark in ('src="', "src='", 'href="', "href='") for part in page.split(mark)[1:]]
    assert sources
    for source in (s.split("'")[0] for s in sources):
        assert source.startswith("/schema/"), source
        assert world.client.get(source).status_code == 200, source


def test_the_document_has_every_path_and_problem_documents(world: World) -> None:
    """The OpenAPI document has every public path, and shows its errors as application/problem+json."""
    document = world.client.get("/schema/openapi.json").json()
    wanted = {"/v1/total", "/v1/requests/{request_id}", "/v1/entries", "/v1/partitions", "/v1/partitions/{partition}",
              "/v1/exports", "/v1/exports/{export_id}", "/v1/exports/{export_id}/file", "/v1/events", "/v1/audits",
              "/v1/audits/{audit_id}", "/v1/audits/{audit_id}/file", "/health/live",
              "/health/ready"}  # fmt: skip
    assert wanted <= set(document["paths"])
    answers = document["paths"]["/v1/total"]["get"]["responses"]
    assert "application/problem+json" in answers["504"]["content"]


def _by_rule(schema: Any) -> dict[str, Any]:
    """Return what a document's schema says of a text, by the id of the rule in the .proto; null may be allowed too."""
    assert "string" in [one["type"] for one in schema.get("oneOf", [schema])]
    return {"string.uuid": True} if schema.get("format") == "uuid" else {"string.pattern": schema.get("pattern")}


def test_the_document_shows_the_rules_of_the_proto_on_requests_and_answers(world: World) -> None:
    """The OpenAPI document shows for each field of AddRequest the rules that its .proto has."""
    contracts = tree.read(ROOT / "contracts")
    (message,) = [one for one in message_rules(contracts.descriptors, list(contracts.proto))
                  if one.full_name == "tally.v1.AddRequest"]  # fmt: skip
    rules = {field.name: {check.rule_id: check.value for check in field.checks} for field in message.fields}
    document = world.client.get("/schema/openapi.json").json()
    [parameter] = document["paths"]["/v1/requests/{request_id}"]["get"]["parameters"]
    assert _by_rule(parameter["schema"]) == rules["request_id"]
    for answer in ("RequestAnswer", "EntryAnswer"):
        shown = document["components"]["schemas"][answer]["properties"]
        assert {name: _by_rule(shown[name]) for name in rules} == rules, answer
        assert _by_rule(shown["sum"]) == rules["a"], "a sum is refused unless it fits where an operand does"
