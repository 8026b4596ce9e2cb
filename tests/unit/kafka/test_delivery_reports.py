"""From delivery reports to the offset of each record."""

import random

from confluent_kafka import KafkaError

from tally.kafka.delivery_reports import DeliveryReports
from tally.kafka.transaction_port import Outgoing


class Report:
    """What a callback is told of a delivered record."""

    def __init__(self, partition: int, offset: int) -> None:
        self._place = partition, offset

    def partition(self) -> int:
        """Return the partition."""
        return self._place[0]

    def offset(self) -> int:
        """Return the offset."""
        return self._place[1]


def told(*places: tuple[int, int]) -> DeliveryReports:
    reports = DeliveryReports()
    for partition, offset in places:
        reports.take_in(None, Report(partition, offset))  # type: ignore[arg-type]
    return reports


def records(*partitions: int) -> list[Outgoing]:
    return [Outgoing(b"key", b"value", partition) for partition in partitions]


def test_a_partition_s_nth_record_has_the_nth_of_its_offsets() -> None:
    """The n-th record of a partition gets its n-th offset, in whatever order reports come and with gaps between."""
    places = [(3, 7), (3, 8), (3, 12), (0, 5), (0, 100)]
    random.Random(7).shuffle(places)
    reports = told(*places)
    assert reports.places == 5
    assert reports.offsets_of(records(3, 0, 3, 0, 3)) == [7, 5, 8, 100, 12]


def test_a_record_without_a_place_of_its_own_is_not_counted() -> None:
    """A report with an unknown offset, or with one reported before, does not count as a record in the log."""
    assert told((3, 7), (3, -1), (3, 7), (0, 7)).places == 2


def test_a_failure_is_kept_and_gives_no_place() -> None:
    """A failed delivery is kept as the transaction's failure and counts as no record in the log."""
    reports = told((3, 7))
    failure = KafkaError(KafkaError.MSG_SIZE_TOO_LARGE)
    reports.take_in(failure, Report(3, -1))  # type: ignore[arg-type]
    assert reports.failures == [failure]
    assert reports.places == 1
