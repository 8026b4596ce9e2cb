"""The rules compiled from the contracts say what protovalidate says, everywhere and fast."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import protovalidate
import pytest
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from hypothesis import given, settings
from hypothesis import strategies as st

from codegen import tree
from codegen.generate import generated_files
from codegen.proto.validate import validate_files
from producer.shell.reflection import served_pool
from tally.event import decimals
from tally.generated.descriptors import FILES
from tally.generated.tally.v1 import tally_pb2, tally_rules
from tests_support.contracts.rules import Compiled, compiled, said_by_oracle

ROOT = Path(__file__).parents[2]
ID = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

ids = st.one_of(
    st.uuids().map(str),
    st.from_regex(r"[0-9a-fA-F-]{35,37}", fullmatch=True),
    st.sampled_from(["", ID.upper(), ID + "\n", f"{{{ID}}}", ID.replace("-", ""), "٦" + ID[1:], ID[:-1] + "g"]),
    st.text(max_size=40),
)
numbers = st.one_of(
    st.from_regex(r"-?[0-9]{1,31}(\.[0-9]{0,10})?", fullmatch=True),
    st.sampled_from(["", "+1", "1e3", "1\n", "\n1", "٣", ".5", "5.", "--1", "1,5", "NaN", "9" * 29, "9" * 30]),
    st.text(alphabet="-.0123456789\n e", max_size=12),
)
requests = st.builds(tally_pb2.AddRequest, request_id=ids, a=numbers, b=numbers)


@pytest.fixture(scope="module")
def contract() -> Compiled:
    """Return the contract's own messages beside its rules, as the oracle needs them."""
    return compiled({"tally/v1/tally.proto": (ROOT / "contracts/proto/tally/v1/tally.proto").read_text()})


@settings(max_examples=300, deadline=None)
@given(request=requests)
def test_no_addition_is_judged_otherwise_than_by_protovalidate(
    contract: Compiled, request: tally_pb2.AddRequest
) -> None:
    """For any addition the compiled rules report the same violations as protovalidate."""
    ours = [(broken.field, broken.rule_id) for broken in tally_rules.add_request(request)]
    assert sorted(ours) == said_by_oracle(contract.message("tally.v1.AddRequest", request.SerializeToString()))


@settings(max_examples=100, deadline=None)
@given(additions=st.lists(requests, max_size=4))
def test_no_batch_is_judged_otherwise_than_by_protovalidate(
    contract: Compiled, additions: list[tally_pb2.AddRequest]
) -> None:
    """For any batch the compiled rules report the same violations as protovalidate."""
    batch = tally_pb2.AddBatchRequest(additions=additions)
    ours = [(broken.field, broken.rule_id) for broken in tally_rules.add_batch_request(batch)]
    assert sorted(ours) == said_by_oracle(contract.message("tally.v1.AddBatchRequest", batch.SerializeToString()))


def test_a_batch_over_the_limit_breaks_one_rule() -> None:
    """A batch with one addition too many breaks the rule on its length, which names the limit."""
    too_many = [tally_pb2.AddRequest(request_id=ID, a="1", b="2")] * (
        tally_rules.ADD_BATCH_REQUEST_ADDITIONS_MAX_ITEMS + 1
    )
    [broken] = tally_rules.add_batch_request_fields(too_many)
    assert (broken.field, broken.rule_id) == ("additions", "repeated.max_items")
    assert "at most 10000" in broken.message


def test_the_numbers_of_the_contract_are_those_that_are_computed_with() -> None:
    """The pattern of operands in the contract is the grammar that the library computes with."""
    assert tally_rules.ADD_REQUEST_A_PATTERN == tally_rules.ADD_REQUEST_B_PATTERN == f"^{decimals.GRAMMAR}$"


def test_the_rules_need_neither_protobuf_nor_protovalidate() -> None:
    """A service that validates imports the standard library only, and its messages know nothing of buf.validate."""
    code = (
        "import sys\n"
        "sys.modules['buf'] = sys.modules['protovalidate'] = None\n"
        "from tally.generated.tally.v1 import tally_rules\n"
        "assert tally_rules.add_request_fields('x', '1', '2')\n"
        "assert not [name for name in sys.modules if name.startswith('google')]\n"
        "from tally.generated.tally.v1 import tally_pb2, tally_pb2_grpc\n"
        "from producer.shell import reflection\n"
        "assert reflection.served_pool(reflection.FILES).FindFileByName('tally/v1/tally.proto')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_generated_messages_live_beside_the_real_buf_validate_and_are_validated_by_it() -> None:
    """A program that has protovalidate as well meets no clash of descriptors, and sees the rules on ours."""
    from buf.validate import validate_pb2  # type: ignore[import-untyped] # protovalidate brings it without types

    validator = protovalidate.Validator()  # type: ignore[no-untyped-call] # the package does not annotate it
    found = validator.collect_violations(tally_pb2.AddRequest(request_id=ID, a="1", b="x"))
    assert [violation.proto.rule_id for violation in found] == ["string.pattern"]
    assert validate_pb2.DESCRIPTOR.name == "buf/validate/validate.proto"


def test_who_reads_the_service_by_reflection_reads_the_rules() -> None:
    """The served files are complete: each import resolves, and the options are fields, not unknown bytes."""
    pool: Any = served_pool(FILES)
    request = pool.FindMessageTypeByName("tally.v1.AddRequest")
    assert [each.name for each in request.file.dependencies] == [
        "buf/validate/validate.proto",
        "google/rpc/status.proto",
    ]
    options_class: Any = message_factory.GetMessageClass(pool.FindMessageTypeByName("google.protobuf.FieldOptions"))
    rules = pool.FindExtensionByName("buf.validate.field")
    file = descriptor_pb2.FileDescriptorProto.FromString(request.file.serialized_pb)
    [message] = [each for each in file.message_type if each.name == "AddRequest"]
    read = [options_class.FromString(field.options.SerializeToString()).Extensions[rules] for field in message.field]
    assert read[0].string.uuid
    assert read[1].string.pattern == read[2].string.pattern == f"^{decimals.GRAMMAR}$"


def test_the_descriptors_of_all_providers_of_buf_validate_generate_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Other versions have more rules, other options and other words; what is generated holds none of that."""

    def other() -> descriptor_pb2.FileDescriptorSet:
        files = validate_files()
        file = files.file[-1]
        for message in file.message_type:
            message.reserved_name.append("something_else")
            for field in message.field:
                field.options.Clear()
        file.message_type.add(name="RulesOfTomorrow")
        file.options.java_package = "other"
        return files

    monkeypatch.setattr("codegen.proto.compiler.validate_files", other)
    generated = generated_files(tree.read(ROOT / "contracts"), "tally.generated")
    assert tree.differences(generated, tree.files_of(ROOT / "tally" / "generated")) == []


def test_the_pool_of_the_oracle_is_not_the_program_s(contract: Compiled) -> None:
    """The comparison is with the contract's text as protoc reads it, not with what codegen made of it."""
    made = contract.message("tally.v1.AddRequest", b"")
    assert made.DESCRIPTOR.file.name == "tally/v1/tally.proto"
    assert made.DESCRIPTOR.file.pool is not descriptor_pool.Default()
