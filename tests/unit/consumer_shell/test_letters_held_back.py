"""A transaction that is open in the dead-letter topic, on a Kafka in memory: no letter is written twice, none lost."""

from pathlib import Path

from consumer.core.partition.state import Paused, Running
from tally.event.codes import FRAMING
from tally.generated.topics import SUMS_DLT
from tally.kafka.transaction_port import Aborted, Delivered, Outgoing
from tests_support.consumer.bench import Bench, Kafka
from tests_support.kafka.transactions import FakeTransactions
from tests_support.ledger.records import PARTITION, Record, addition

JUNK = Record(3, 1_764_000_000_000, b"k", b"junk")


def with_junk() -> Kafka:
    return Kafka([*(addition(offset, offset) for offset in range(3)), JUNK])


def opened(kafka: Kafka, transactional_id: str) -> FakeTransactions:
    """Return a client with a record in an open transaction of the dead-letter topic."""
    client = FakeTransactions(kafka, transactional_id, SUMS_DLT.name)
    client.renew()
    assert isinstance(client.produce([Outgoing(b"whose", b"not ours", PARTITION)]), Delivered)
    return client


def test_letters_behind_a_strangers_transaction_are_waited_for_and_not_written_again(tmp_path: Path) -> None:
    """Without commits, letters that nobody can read yet are waited for, with a cure, and not published again (I10)."""
    kafka = Kafka()
    before = Bench(tmp_path, kafka)
    before.rounds()
    stranger = opened(kafka, "a-stranger")
    kafka.sums.write([JUNK])
    before.rounds()
    assert [letter.claim.reason for letter in kafka.dead_letters()] == [FRAMING]
    kafka.group.committed.clear()
    bench = Bench(tmp_path, kafka)
    bench.rounds(10)
    assert isinstance(bench.own.state, Paused)
    assert bench.own.state.reason.startswith(f"{SUMS_DLT.name} partition {PARTITION} cannot be read from offset 0 on")
    assert bench.own.state.cure is not None
    assert f"describe-producers --topic {SUMS_DLT.name} --partition {PARTITION}" in bench.own.state.cure
    assert stranger.abort() == Aborted()
    bench.rounds(10)
    assert (bench.state, bench.publisher.publications) == (Running(), [])
    assert len(kafka.dead_letters()) == 1


def test_a_ledger_is_not_rebuilt_on_letters_that_are_held_back(tmp_path: Path) -> None:
    """A rebuild takes over verdicts that were published, so it waits until all letters can be read (I6)."""
    kafka = with_junk()
    Bench(tmp_path / "first", kafka).rounds()
    stranger = opened(kafka, "a-stranger")
    second = Bench(tmp_path / "second", kafka)
    second.rounds(10)
    assert isinstance(second.own.state, Paused)
    assert stranger.abort() == Aborted()
    second.rounds(10)
    assert (second.state, second.figures.counts.poison) == (Running(), 1)


def test_a_transaction_that_a_killed_owner_left_is_ended_and_its_letters_published(tmp_path: Path) -> None:
    """What a killed owner left open in the dead letters holds nothing up: the recovery ends it (I10)."""
    kafka = with_junk()
    opened(kafka, f"tally-dlt-{PARTITION}")
    bench = Bench(tmp_path, kafka)
    bench.rounds(10)
    assert bench.own.state == Running()
    assert [letter.claim.reason for letter in kafka.dead_letters()] == [FRAMING]
