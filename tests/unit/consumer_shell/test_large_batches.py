"""Batches that are too large to be read with others, and errors of a partition that do not pass by themselves."""

from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException

from consumer.core.partition.state import Paused, Recovering, Refused, Running
from consumer.shell.kafka.source import BATCH_BYTES_MAX
from tally.kafka.trouble import TOO_LARGE_CURE, cure_of, trouble
from tests_support.consumer.bench import Bench, Kafka
from tests_support.ledger.records import Record, addition


def records(count: int) -> list[Record]:
    return [addition(offset, offset) for offset in range(count)]


def large_junk(offset: int) -> Record:
    return Record(offset, 1, b"k", bytes(3_000_000))


def test_a_large_batch_is_read_alone_and_reading_goes_on_behind_it(tmp_path: Path) -> None:
    """A batch beyond this client's limit is read alone, and its records have the same verdicts as in any other (I5)."""
    kafka = Kafka([*records(3), large_junk(3), addition(4, 4), large_junk(5)])
    kafka.sums.large |= {1, 3, 5}
    bench = Bench(tmp_path, kafka)
    bench.rounds(20)
    assert bench.own.state == Running()
    figures = bench.figures
    assert (figures.next_offset, figures.counts.counted, figures.counts.poison) == (6, 4, 2)
    assert kafka.committed == 6


def test_the_letter_of_a_large_record_is_its_beginning(tmp_path: Path) -> None:
    """The dead letter of a large record has its start and its length, so it fits and the partition goes on."""
    bench = Bench(tmp_path, Kafka([large_junk(0), addition(1, 1)]))
    bench.rounds()
    assert bench.own.state == Running()
    (letter,) = [letter for publication in bench.publisher.publications for letter in publication.letters]
    assert letter.value.data is not None
    assert (len(letter.value.data), letter.value.whole_bytes) == (65_536, 3_000_000)


def test_what_cannot_be_read_even_alone_is_refused_with_its_cure(tmp_path: Path) -> None:
    """A batch that cannot be read even alone refuses its partition with a cure, as it would never pass."""
    kafka = Kafka(records(3))
    kafka.sums.large.add(1)
    kafka.sums.too_large.add(1)
    bench = Bench(tmp_path, kafka)
    bench.rounds(10)
    assert isinstance(bench.own.state, Refused)
    assert "2 GiB" in bench.own.state.reason
    assert bench.own.state.cure == TOO_LARGE_CURE
    assert bench.figures.next_offset == 1


def test_trouble_on_the_way_to_a_large_batch_pauses_and_passes(tmp_path: Path) -> None:
    """Trouble with Kafka while a large batch is read pauses the partition, and counting resumes when it has passed."""
    kafka = Kafka()
    bench = Bench(tmp_path, kafka)
    bench.rounds()
    kafka.sums.write(records(3))
    kafka.sums.large.add(1)
    bench.faults.lasting["read"] = "timed out"
    seen = []
    for _ in range(10):
        bench.rounds(1)
        seen.append(bench.own.state)
    assert Paused("tally.sums.v1 partition 3 cannot be read: _TRANSPORT: timed out") in seen
    del bench.faults.lasting["read"]
    bench.rounds(10)
    assert (bench.state, bench.figures.counts.counted) == (Running(), 3)
    assert any(isinstance(state, Recovering) for state in seen)


def test_an_error_that_does_not_pass_is_shown_with_its_cure_until_it_is_gone(tmp_path: Path) -> None:
    """A partition that cannot be read is PAUSED with the error's cure until it can be read again."""
    bench = Bench(tmp_path, Kafka(records(3)))
    bench.rounds()
    bench.source.unreadable = ("partition 3 cannot be read: TOPIC_AUTHORIZATION_FAILED", "Grant it.")
    bench.kafka.sums.write([addition(3, 3)])
    bench.rounds(3)
    assert bench.own.state == Paused(*bench.source.unreadable)
    bench.source.unreadable = None
    bench.rounds()
    assert (bench.state, bench.figures.counts.counted) == (Running(), 4)


STAYING = [
    KafkaError.TOPIC_AUTHORIZATION_FAILED, KafkaError.GROUP_AUTHORIZATION_FAILED, KafkaError.MSG_SIZE_TOO_LARGE,
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED, KafkaError.SASL_AUTHENTICATION_FAILED, KafkaError._BAD_MSG,
    KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError.UNSUPPORTED_VERSION,
]  # fmt: skip
PASSING = [
    KafkaError._TIMED_OUT, KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError.NOT_LEADER_FOR_PARTITION,
    KafkaError.COORDINATOR_NOT_AVAILABLE, KafkaError.REBALANCE_IN_PROGRESS, KafkaError.NOT_ENOUGH_REPLICAS,
    KafkaError._FENCED, KafkaError.CONCURRENT_TRANSACTIONS,
]  # fmt: skip


@pytest.mark.parametrize("code", STAYING)
def test_a_permanent_error_has_a_cure(code: int) -> None:
    """Each error that does not pass by itself comes with a cure, as nobody knows from the message what to do."""
    error = KafkaException(KafkaError(code))
    assert len(cure_of(error) or "") > 20
    assert trouble("it failed", error).cure == cure_of(error.args[0])


@pytest.mark.parametrize("code", PASSING)
def test_a_passing_error_asks_for_nothing(code: int) -> None:
    """An error that passes has no cure, since it is tried again without anybody's help."""
    assert cure_of(KafkaException(KafkaError(code))) is None


def test_a_large_batch_is_larger_than_what_the_contract_lets_in() -> None:
    """No batch that the contract allows today is large enough to be read alone."""
    assert BATCH_BYTES_MAX > 24 * 1024 * 1024
