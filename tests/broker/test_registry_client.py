"""The registry client on the real registry: what the services find there at their start."""

import json

import httpx
import pytest

from stack import Ports, Stack
from tally.base.fingerprint import fingerprint_of
from tally.generated import topics
from tally.registry.errors import RegistryAnswerError, RegistryTlsError, RegistryUnreachable, SchemaUnknown
from tally.registry.lookup import SchemaRegistry


@pytest.fixture
def registry(kafka_stack: Stack) -> SchemaRegistry:
    return SchemaRegistry(kafka_stack.registry_url)


@pytest.mark.parametrize("facts", topics.ALL, ids=lambda facts: facts.name)
def test_a_service_finds_the_id_of_its_schema_and_the_same_schema_by_the_id(
    registry: SchemaRegistry, facts: topics.TopicFacts
) -> None:
    """Each topic's schema is found by its text, and its id leads back to the same schema."""
    schema_id = registry.lookup(facts.subject, facts.schema)
    text = registry.schema(schema_id)
    assert fingerprint_of(text) == facts.fingerprint
    assert json.loads(text)["name"] == json.loads(facts.schema)["name"]


def test_a_schema_that_means_another_thing_is_not_taken_for_ours(registry: SchemaRegistry) -> None:
    """A schema with another scale is unknown to the registry and gets no id."""
    schema = json.loads(topics.SUMS.schema)
    schema["fields"][1]["type"]["scale"] = 8
    with pytest.raises(SchemaUnknown, match="does not match any schema under the subject"):
        registry.lookup(topics.SUMS.subject, json.dumps(schema))


def test_words_of_documentation_do_not_make_another_schema(registry: SchemaRegistry) -> None:
    """A schema with other documentation has the id of the registered one."""
    schema = json.loads(topics.SUMS.schema)
    schema["doc"] = "Other words."
    assert registry.lookup(topics.SUMS.subject, json.dumps(schema)) == registry.lookup(
        topics.SUMS.subject, topics.SUMS.schema
    )


def test_an_unknown_subject_and_an_unknown_id_are_told(registry: SchemaRegistry) -> None:
    """An unknown subject and an unknown id are each reported as what they are."""
    with pytest.raises(SchemaUnknown, match="Subject 'nobody-value' not found"):
        registry.lookup("nobody-value", topics.SUMS.schema)
    with pytest.raises(SchemaUnknown, match="schema id 4000000"):
        registry.schema(4_000_000)


def test_a_wrong_path_and_tls_where_there_is_none_are_told_apart(kafka_stack: Stack) -> None:
    """A wrong path and a failed TLS connection raise different errors; the first names the right path."""
    url = httpx.URL(kafka_stack.registry_url)
    with pytest.raises(RegistryAnswerError, match="ends in /apis/ccompat/v7"):
        SchemaRegistry(str(url.copy_with(path="/"))).schema(1)
    with pytest.raises(RegistryTlsError):
        SchemaRegistry(str(url.copy_with(scheme="https"))).schema(1)


def test_nobody_on_the_port_is_unreachable() -> None:
    """A port on which nothing listens is unreachable after three attempts."""
    with pytest.raises(RegistryUnreachable, match="attempts: 3"):
        SchemaRegistry(f"http://127.0.0.1:{Ports.free().registry}").schema(1)
