"""What the bytes of a request tell before they are parsed."""

import random
from typing import Any

import pytest
from google.protobuf.message import DecodeError

from producer.core.refusals import Reason, Refusal
from producer.core.wire import exceeds
from producer.shell.methods import TallyMethods
from tally.generated.tally.v1.tally_pb2 import AddBatchRequest, AddRequest
from tests_support.producer.mutations import mutated
from tests_support.running.faults import chosen_seed

CASES = 20_000
MOST = 5
FIELD = AddBatchRequest.ADDITIONS_FIELD_NUMBER
EMPTY = b"\x0a\x00"


def test_the_count_on_the_wire_is_the_parser_s_count() -> None:
    """Of all bytes that parse, those with more than so many additions are told, and no others."""
    rng = random.Random(chosen_seed())
    told = 0
    for _ in range(CASES):
        some = [AddRequest(request_id="\n" * rng.randrange(3), a="1" * rng.choice([0, 1, 130])) for _ in range(7)]
        data = AddBatchRequest(additions=some[: rng.randint(0, 7)]).SerializeToString()
        data = mutated(data, rng) if rng.random() < 0.8 else data
        try:
            number = len(AddBatchRequest.FromString(data).additions)
        except DecodeError:
            continue
        assert exceeds(data, FIELD, MOST) == (number > MOST), data
        told += number > MOST
    assert told > CASES / 20


@pytest.mark.parametrize(
    ("data", "too_many"),
    [
        pytest.param(EMPTY * 5, False, id="as many as allowed"),
        pytest.param(EMPTY * 6, True, id="one more"),
        pytest.param(b"\x8a\x00\x00" * 6, True, id="tags longer than they need be"),
        pytest.param(b"\x0a\x80\x00" * 6, True, id="lengths longer than they need be"),
        pytest.param(b"\x13" + EMPTY * 6 + b"\x14", False, id="in an unknown group"),
        pytest.param(b"\x10\x0a" * 6 + b"\x1d\x0a\x0a\x0a\x0a\x21" + b"\x0a" * 8, False, id="in other fields"),
        pytest.param(EMPTY * 5 + b"\x0a", False, id="it ends within a field"),
        pytest.param(EMPTY * 5 + b"\x0f" * 9 + EMPTY * 6, False, id="no kind of field"),
        pytest.param(b"\x10\x00" * 1_001 + b"\x0a\x0a" * 6, True, id="a thousand other fields"),
        pytest.param(b"", False, id="nothing"),
    ],
)
def test_additions_are_counted_whatever_the_form_of_their_fields(data: bytes, too_many: bool) -> None:
    """Every form that a field may have on the wire is counted as a parser counts it."""
    assert exceeds(data, FIELD, MOST) is too_many


def test_two_million_empty_additions_are_refused_before_they_are_parsed() -> None:
    """A batch of too many additions is refused as too large, and nothing parses it."""
    queue: Any = None
    methods = TallyMethods(queue, "tally.sums.v1", 12, 10_000)
    batch = next(rpc for rpc in methods.rpcs() if rpc.name == "AddBatch")
    refused = batch.objection(EMPTY * 2_000_000)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.BATCH_TOO_LARGE
    assert "10000" in refused.message
    assert batch.objection(EMPTY * 10_000) is None
