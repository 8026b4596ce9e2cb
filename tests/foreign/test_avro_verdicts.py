"""Apache Avro's own tests as questions to codegen: where its answer is another one, it is stricter, and it says why."""

from collections import Counter

import pytest

from codegen.avro import parse as avro_parse
from codegen.avro import types as avro_types
from codegen.avro.compat import Version, verdict
from codegen.errors import ContractError
from tests_support.contracts import foreign
from tests_support.contracts.avro_own_tests import AvroTests, avro_tests


@pytest.fixture(scope="module")
def expected() -> AvroTests:
    """Return what Avro's tests expect."""
    return avro_tests(foreign.packages())


def test_schemas_are_valid_where_avro_says_so(expected: AvroTests) -> None:
    """What Avro refuses is refused; what it takes becomes code, but for names that its specification forbids."""
    answers: Counter[tuple[bool, str]] = Counter()
    for text, valid in expected.schemas:
        answers[valid, _refusal(text)] += 1
    refused = {rule: count for (valid, rule), count in answers.items() if not valid}
    taken = {rule: count for (valid, rule), count in answers.items() if valid}
    assert taken == {"": 71, "avro-name": 3}  # a type that is called ns.int
    assert sum(refused.values()) == 22
    assert "" not in refused


def test_a_reader_reads_a_writer_where_avro_says_so(expected: AvroTests) -> None:
    """No pair that Avro calls unreadable is readable; what it calls readable is refused for the counted reasons."""
    stricter: Counter[str] = Counter()
    same = 0
    for reader, writer, readable in expected.pairs:
        reasons = _reasons(reader, writer)
        if bool(reasons) == readable:
            assert readable, f"laxer than Avro: {reader} reads {writer}"
            stricter.update(reasons[:1])
        else:
            same += 1
    assert stricter == {
        "avro-union": 7,  # a union of nothing, of which there is no value
        "namespace": 2,  # Avro compares names without their namespaces
    }
    assert same == 128


def _refusal(text: str) -> str:
    try:
        avro_types.module_text(avro_parse.parse("avro/x.avsc", text), "# foreign")
    except ContractError as error:
        return error.rule
    return ""


def _reasons(reader: str, writer: str) -> list[str]:
    try:
        old, new = (avro_parse.parse(name, text) for name, text in (("writer", writer), ("reader", reader)))
    except ContractError as error:
        return [error.rule]
    return [finding.rule for finding in verdict([Version("v1", old)], Version("v2", new), "BACKWARD")]
