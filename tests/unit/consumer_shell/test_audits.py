"""Audits: the ledgers on the disk against what the consumer says of them, asked over REST without Kafka."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from consumer.core.partition.state import Recovering, Refused, reason_of
from tally.ledger.verify import verify_ledger
from tests_support.consumer.rest_world import OTHER, RestWorld
from tests_support.ledger.files import append_batch
from tests_support.ledger.records import PARTITION, addition
from tests_support.waiting import eventually

DONE_S = 20


def audited(client: TestClient[Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return a finished audit of partition 3, and its report."""
    accepted = client.post("/v1/audits", json={"partitions": [PARTITION]})
    assert accepted.status_code == 202, accepted.text
    location = accepted.headers["location"]

    def finished() -> Any:
        body = client.get(location).json()
        return body if body["state"] in ("DONE", "FAILED") else None

    record = eventually(finished, DONE_S, "the audit is finished")
    file = client.get(f"{location}/file")
    if record["state"] == "DONE":
        assert file.headers["content-type"] == "application/json"
        assert hashlib.sha256(file.content).hexdigest() == record["sha256"]
    return record, file.json()


def spoil(world: RestWorld, part: float) -> Path:
    """Flip one bit of the ledger's last file, ``part`` of the way through it."""
    path = world.opened.ledger.segments()[-1].path
    content = bytearray(path.read_bytes())
    content[int(len(content) * part)] ^= 1
    path.write_bytes(content)
    return path


def test_a_good_ledger_is_ok_and_the_report_tells_what_its_files_hold(
    world: RestWorld, client: TestClient[Any]
) -> None:
    """An audit of a sound ledger is DONE and ok, with the rows, counts, total, position and chain of its files."""
    record, report = audited(client)
    assert (record["state"], record["ok"], record["problems"], record["progress"]) == ("DONE", True, 0, 1.0)
    assert (record["rows"], record["counted"], record["total"]) == (5, 2, "0.000000001")
    assert record["positions"] == {str(PARTITION): 6}
    [ledger] = report["ledgers"]
    assert (ledger["partition"], ledger["ok"], ledger["next_offset"], ledger["poison"]) == (PARTITION, True, 6, 1)
    assert ledger["chain"] == world.opened.ledger.state.chain.value.hex()


def test_a_flipped_bit_is_found_and_named_by_file_and_byte(world: RestWorld, client: TestClient[Any]) -> None:
    """An audit of a ledger with one flipped bit is not ok, and its report names the file and the byte position."""
    path = spoil(world, 0.9)
    record, report = audited(client)
    assert (record["state"], record["ok"]) == ("DONE", False)
    [ledger] = report["ledgers"]
    assert record["problems"] == len(ledger["problems"]) > 0
    assert ledger["problems"][0]["file"] == str(path)
    assert ledger["problems"][0]["position_bytes"] > 0


def test_files_that_are_good_and_shorter_than_what_was_acknowledged_are_a_problem(
    world: RestWorld, client: TestClient[Any]
) -> None:
    """Valid files that end before what the open ledger has acknowledged fail the audit, with both offsets named."""
    before = world.opened.ledger.segments()[-1]
    append_batch(world.opened.ledger, world.opened.index, [addition(8, 9)])
    before.path.write_bytes(before.path.read_bytes()[: before.size_bytes])
    record, report = audited(client)
    assert record["ok"] is False
    assert "its files end at offset 6, and not at 9" in report["ledgers"][0]["problems"][0]["what"]


def test_what_is_appended_after_the_audit_began_does_not_matter(world: RestWorld, client: TestClient[Any]) -> None:
    """An audit covers the ledger up to the offset that it noted; later rows, good or bad, belong to the next audit."""
    noted = world.opened.ledger.state
    append_batch(world.opened.ledger, world.opened.index, [addition(8, 9)])
    spoil(world, 0.999)
    report = verify_ledger(world.opened.ledger.directory, noted.next_offset, lambda _: None)
    assert (report.problems, report.next_offset, report.counts.total) == ((), noted.next_offset, noted.counts.total)
    assert audited(client)[0]["ok"] is False


def test_a_ledger_that_is_taken_away_meanwhile_fails_the_audit_and_is_no_damage(
    world: RestWorld, client: TestClient[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged ledger that this replica loses during its audit makes the audit FAILED, and is not called damaged."""
    spoil(world, 0.9)
    monkeypatch.setattr(type(world.readers), "has_open", lambda *_: False)
    record, problem = audited(client)
    assert (record["state"], record["ok"]) == ("FAILED", None)
    assert "was taken away while it was read" in record["error"]
    assert problem["type"] == "urn:tally:problem:audit-not-done"


@pytest.mark.parametrize("state", [Recovering("replaying"), Refused("rot", "cure")])
def test_a_partition_that_cannot_be_checked_here_is_503_with_the_reason(
    world: RestWorld, client: TestClient[Any], state: Any
) -> None:
    """An audit of a partition that is recovering or refused is answered 503 with the partition and the reason."""
    world.show(state)
    answer = client.post("/v1/audits", json={"partitions": [PARTITION]})
    assert answer.status_code == 503
    assert f"partition {PARTITION}" in answer.json()["detail"]
    assert str(reason_of(state)) in answer.json()["detail"]


@pytest.mark.parametrize(
    ("body", "status"),
    [({"partitions": [12]}, 400), ({"partition": [3]}, 400), ({"partitions": [OTHER]}, 503), ({}, 503)],
)
def test_an_audit_that_cannot_be_is_a_problem(client: TestClient[Any], body: Any, status: int) -> None:
    """A wrong field or partition is 400, another replica's partition is 503, and each answer is a problem document."""
    answer = client.post("/v1/audits", json=body)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/problem+json")


def test_an_order_without_a_body_means_every_partition(client: TestClient[Any]) -> None:
    """An audit without a body covers every partition, so it is 503 where one of them is another replica's."""
    answer = client.post("/v1/audits")
    assert (answer.status_code, answer.json()["type"]) == (503, "urn:tally:problem:audit-not-whole")


def test_audits_are_listed_bounded_and_deleted(client: TestClient[Any]) -> None:
    """The list has every kept audit, one too many is 409, and deleting one makes room for the next."""
    ids = [audited(client)[0]["id"] for _ in range(3)]
    assert client.post("/v1/audits", json={"partitions": [PARTITION]}).status_code == 409
    assert {audit["id"] for audit in client.get("/v1/audits").json()} == set(ids)
    assert client.delete(f"/v1/audits/{ids[0]}").status_code == 204
    assert client.get(f"/v1/audits/{ids[0]}").status_code == 404
    assert audited(client)[0]["ok"] is True
