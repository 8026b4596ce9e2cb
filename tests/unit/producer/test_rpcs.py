"""The table of RPCs against the contract."""

import uuid
from typing import Any, cast

import pytest

from producer.core.ports import Incoming, Rpc
from producer.core.refusals import Reason, Refusal
from producer.shell.methods import TallyMethods
from tally.generated.tally.v1 import tally_pb2

ROWS = TallyMethods(cast("Any", None), "a.topic", 12, 10_000).rpcs()


def test_the_table_has_each_rpc_of_the_contract_and_no_other() -> None:
    """The table has a row for each RPC of the contract, with its request type, and no other."""
    of_contract = {
        f"{service.full_name}/{method.name}": method.input_type.full_name
        for service in tally_pb2.DESCRIPTOR.services_by_name.values()
        for method in service.methods
    }
    assert {row.path: row.request_type.DESCRIPTOR.full_name for row in ROWS} == of_contract
    assert len(ROWS) == len(of_contract)


def test_a_row_tells_the_ids_of_its_additions() -> None:
    """A row gives the request ids of its additions in their order, by which a call is traced."""
    rows = {row.name: row for row in ROWS}
    requests = [tally_pb2.AddRequest(request_id=each) for each in "xyz"]
    assert list(rows["Add"].request_ids(requests[0])) == ["x"]
    assert list(rows["AddBatch"].request_ids(tally_pb2.AddBatchRequest(additions=requests))) == ["x", "y", "z"]
    ids = [uuid.UUID(int=number) for number in (1, 2)]
    columns = tally_pb2.AddColumnsRequest(request_ids=b"".join(each.bytes for each in ids) + b"half an id")
    assert list(rows["AddColumns"].request_ids(columns)) == [str(each) for each in ids]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
async def test_every_rpc_asks_the_rules_of_its_message(row: Rpc[Any, Any]) -> None:
    """Each RPC refuses an empty message, which breaks the contract's rules, before it asks the queue."""
    answer = await row.method(Incoming(row.request_type(), None, dict))
    assert isinstance(answer, Refusal)
    assert answer.reason is Reason.INVALID_FIELD
