"""What the oracle reads from Kafka that anybody may have written there."""

import pytest

from oracle.kafka_reading import _witness


@pytest.mark.parametrize("metadata", [None, "", "x", "[]", "7", "[" * 4_096, '{"a":' * 800])
def test_metadata_of_a_commit_that_is_no_witness_is_none(metadata: str | None) -> None:
    """Whoever may commit for the group writes the metadata: whatever is not a witness is taken for none."""
    assert _witness(metadata) is None
