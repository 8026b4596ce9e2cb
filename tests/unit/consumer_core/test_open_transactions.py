"""A transaction that is not ours: found by the two ends of a log, told after a while, gone with its end."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consumer.core.open_transactions import OpenTransaction, held, open_transactions
from tally.kafka.transactions_tool import TopicAddress

ADDRESS = TopicAddress("tally.sums.v1", "127.0.0.1:9092")
offsets = st.integers(0, 3)


def test_a_transaction_is_open_where_the_last_stable_offset_is_below_the_high_watermark() -> None:
    """Only a last stable offset below the high watermark, which was asked for before, tells of an open transaction."""
    found = open_transactions({}, {0: 10, 1: 10, 2: 10}, {0: 10, 1: 7, 2: 12, 3: 5}, 100.0)
    assert found == {1: OpenTransaction(7, 100.0)}


@given(st.lists(st.tuples(offsets, offsets), min_size=1, max_size=12))
def test_a_transaction_is_as_old_as_the_looks_at_which_the_log_stood_still(looks: list[tuple[int, int]]) -> None:
    """It counts from the first of the looks in a row that found the same last stable offset below the watermark."""
    found: dict[int, OpenTransaction] = {}
    for at, (stable, watermark) in enumerate(looks):
        found = open_transactions(found, {0: watermark}, {0: stable}, float(at))
    stable, watermark = looks[-1]
    if stable >= watermark:
        assert found == {}
        return
    since = len(looks) - 1
    while since > 0 and looks[since - 1][0] == stable < looks[since - 1][1]:
        since -= 1
    assert found == {0: OpenTransaction(stable, float(since))}


def test_a_transaction_is_told_once_it_is_older_than_ours_can_be() -> None:
    """Below the bound nothing is told; from it on reason and cure have age, offset and commands, not an abort."""
    found = {3: OpenTransaction(120, 100.0), 4: OpenTransaction(7, 110.0)}
    assert held(found, 129.9, 30.0, ADDRESS) == {}
    told = held(found, 134.4, 30.0, ADDRESS)
    assert list(told) == [3]
    assert told[3].open_s == pytest.approx(34.4)
    assert told[3].reason.startswith("has waited 34 s for a transaction that is not ours: nothing from offset 120 on")
    tool = "kafka-transactions.sh --bootstrap-server 127.0.0.1:9092"
    assert f"`{tool} describe-producers --topic tally.sums.v1 --partition 3` shows" in told[3].cure
    assert f"`{tool} list`" in told[3].cure
    assert f"`{tool} forceTerminateTransaction --transactionalId ID`" in told[3].cure
    assert " abort " not in told[3].cure
    assert "docs/runbooks/transaction-hangs.md has the steps" in told[3].cure
