"""The answer to a batch in straight wire format against messages that the library fills."""

from uuid import UUID

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from producer.core import refusals
from producer.core.addition import Addition
from producer.core.call_queue import Part
from producer.core.calls import Placed, Result
from producer.core.columns import read
from producer.core.refusals import Outcome, Refusal
from producer.shell.responses import BatchAnswer, columns_answer, fill
from tally.event import decimals
from tally.generated.tally.v1 import tally_pb2
from tests_support.producer.statuses import library_status

half = st.integers(-decimals.UNSCALED_LIMIT // 2 + 1, decimals.UNSCALED_LIMIT // 2 - 1)
numbers = st.one_of(st.integers(-(10**12), 10**12), half, st.just(0))
edges = st.sampled_from([0, 1, 127, 128, 16_383, 16_384, 2**31, 2**63 - 1])
offsets = st.one_of(edges, st.integers(0, 2**63 - 1))
partitions = st.one_of(st.integers(0, 11), st.integers(0, 2**31 - 1))
committed = st.tuples(
    st.builds(lambda request_id, a, b: Addition(request_id.bytes, a, b), st.uuids(), numbers, numbers),
    st.builds(Placed, partitions, offsets, st.booleans()),
)
wrong = st.sampled_from([refusals.sum_out_of_range(), refusals.invalid_fields([])])
invalid = wrong.map(lambda each: (each, each))
not_committed = st.tuples(
    st.just(Addition(UUID(int=7).bytes, 1, 2)),
    st.sampled_from([refusals.reused_id(), refusals.deadline_exceeded(Outcome.UNKNOWN), refusals.aborted("x" * 300)]),
)


@given(
    st.lists(st.one_of(committed, committed, invalid, not_committed), max_size=20),
    st.one_of(st.just("tally.sums.v1"), st.text(alphabet="a.é", max_size=249)),
)
def test_a_batch_s_answer_is_the_same_as_filled_message_by_message(
    rows: list[tuple[Addition | Refusal, Result]], topic: str
) -> None:
    """The answer built in wire format equals the one filled by protobuf, in its fields and in its bytes."""
    expected = tally_pb2.AddBatchResponse()
    for addition, result in rows:
        into = expected.results.add()
        if isinstance(result, Refusal):
            into.status.CopyFrom(library_status(result))
        else:
            assert isinstance(addition, Addition)
            into.status.SetInParent()
            fill(into.response, addition, result, topic)
    builder = BatchAnswer(topic)
    for some in (slice(0, 7), slice(7, None)):
        builder.add([each for each, _ in rows[some]], [result for _, result in rows[some]])
    answer = builder.message()
    assert answer == expected
    assert answer.SerializeToString(deterministic=True) == expected.SerializeToString(deterministic=True)


def test_an_answer_to_columns_that_are_all_refused_stays_small() -> None:
    """Of many different refusals of columns the first hundred have all details, and the rest share brief ones."""
    rows = 10_000
    columns, _, _ = read(bytes(16 * rows), bytes(16 * rows), bytes(16 * rows))
    parts = [Part((row,), None) for row in range(rows)]
    results = [refusals.aborted(f"{row}: {'x' * 300}") for row in range(rows)]
    answer = columns_answer("sums", columns, np.zeros(rows, np.int64), parts, results)
    assert len(answer.refused) == 101
    assert sorted(row for each in answer.refused for row in each.rows) == [*range(rows)]
    assert {each.status.code for each in answer.refused} == {10}
    assert answer.refused[-1].status.message == "details are left out"
    assert len(answer.SerializeToString()) < 500_000
