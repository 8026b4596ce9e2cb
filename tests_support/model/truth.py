"""What was promised to callers, and what is there: the invariants of docs/DESIGN.md over the model's world."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from producer.core.addition import Addition
from producer.core.calls import Block, Call, Placed, Result
from producer.core.refusals import Outcome, Refusal
from tally.event.codes import COUNTED, POISON
from tally.ledger.format.witness import Witness
from tally.ledger.format.witness import decode as decode_witness
from tests_support.kafka.broker import Broker
from tests_support.ledger.records import Row, reference

USED = (3, 5)
"""The partitions that have ids; one lane owns both, so that a transaction can span them."""


@dataclass(frozen=True)
class Try:
    """One addition of one call, and where its answer will be; ``row`` is its number in the block, if it is in one."""

    addition: Addition
    call: Call
    place: int
    block: Block | None = None
    row: int = 0

    @property
    def result(self) -> Result | None:
        """The answer, None while there is none (or for ever, when the process died)."""
        result = self.call.results[self.place]
        if self.block is None or not isinstance(result, Placed):
            return result
        return self.block.placed(self.row, duplicate=result.duplicate)


def logged_row(broker: Broker, partition: int, offset: int) -> Row | None:
    """Return the record at a place as the fold would read it, None when it is not committed."""
    entry = broker.log(partition).entries[offset]
    if entry.transaction is None or not entry.transaction.committed:
        return None
    return reference([entry], partition)[0]


def committed_ids(broker: Broker) -> set[bytes]:
    """Return the ids of all good records of committed transactions."""
    rows = (row for partition in USED for row in reference(broker.log(partition).committed(), partition))
    return {row.request_id for row in rows if row.kind != POISON}


def check_answers(broker: Broker, tries: Mapping[bytes, Sequence[Try]], foreign: set[bytes]) -> None:
    """OK means that the record is there, with these operands (I1); not-committed, that none ever is (I11)."""
    there: set[bytes] | None = None
    for request_id, attempts in tries.items():
        for attempt in attempts:
            if isinstance(attempt.result, Placed):
                row = logged_row(broker, attempt.result.partition, attempt.result.offset)
                found = None if row is None else (row.request_id, row.a, row.b)
                wanted = (request_id, attempt.addition.a, attempt.addition.b)
                assert found == wanted, f"I1: answered OK at {attempt.result}, there is {found}"
        if request_id not in foreign and all(map(_failed, attempts)):
            there = committed_ids(broker) if there is None else there
            assert request_id not in there, f"I11: {request_id.hex()} was only ever answered not-committed"


def _failed(attempt: Try) -> bool:
    return isinstance(attempt.result, Refusal) and attempt.result.outcome is Outcome.NOT_COMMITTED


def check_rows(rows: Sequence[Row], truth: Sequence[Row], where: str) -> None:
    """A ledger is a prefix of the fold over what is committed (I2, I3, I5, I6)."""
    assert list(rows) == list(truth[: len(rows)]), f"I3, I5: {where} is not a prefix of the fold over the topic"
    _check_counted_once(rows, where)


def _check_counted_once(rows: Sequence[Row], where: str) -> None:
    counted = [row.request_id for row in rows if row.kind == COUNTED]
    assert len(counted) == len(set(counted)), f"I2: {where} counts an id twice"


def check_witness(partition: int, offset: int, metadata: str, truth: Sequence[Row]) -> None:
    """What is committed with an offset is what the fold gives up to it (I6)."""
    witness = decode_witness(metadata)
    assert isinstance(witness, Witness), witness
    below = [row for row in truth if row.offset < offset]
    counted = [row.sum for row in below if row.kind == COUNTED]
    found = (witness.counts.counted, witness.counts.total, witness.counts.poison)
    expected = (len(counted), sum(counted), sum(row.kind == POISON for row in below))
    assert found == expected, f"the witness of {offset} in partition {partition} says {found}, the fold {expected}"


def check_dead_letters(broker: Broker, truths: Mapping[int, Sequence[Row]], *, settled: bool) -> None:
    """Each poison has at most one dead letter, and one as soon as it is below the committed offset (I10)."""
    letters = Counter((letter.partition, letter.offset) for letter in broker.dead_letters())
    twice = [place for place, count in letters.items() if count > 1]
    assert not twice, f"I10: two dead letters of {twice[0]}"
    for place in _poison_below(broker, truths):
        assert place in letters, f"I10: no dead letter of {place}, which is below the committed offset"
    if settled:
        everything = {(p, row.offset) for p, rows in truths.items() for row in rows if row.kind == POISON}
        assert set(letters) == everything, "I10: dead letters and poison differ"


def _poison_below(broker: Broker, truths: Mapping[int, Sequence[Row]]) -> Iterator[tuple[int, int]]:
    for partition, (committed, _) in broker.group.committed.items():
        for row in truths[partition]:
            if row.kind == POISON and row.offset < committed:
                yield partition, row.offset
