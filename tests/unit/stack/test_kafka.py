"""The configuration of the native parts."""

import base64
from pathlib import Path

from stack import Components, Ports
from stack.parts.kafka import Kafka, _escaped, data_of_a_newer_one, new_cluster_id


def broker(tmp_path: Path, **properties: str) -> Kafka:
    return Components().kafka(tmp_path, Ports(), properties)


def test_kafka_and_the_registry_listen_on_loopback_only(tmp_path):
    """No listener of Kafka or the registry can be reached from another machine."""
    listeners = broker(tmp_path).properties()["listeners"].split(",")
    assert all("://127.0.0.1:" in listener for listener in listeners)
    registry = Components().registry(tmp_path, Ports()).properties()
    assert registry["quarkus.http.host"] == registry["quarkus.management.host"] == "127.0.0.1"


def test_the_registry_writes_before_it_acknowledges(tmp_path):
    """The native registry's database writes without delay, so an acknowledged schema survives a kill."""
    registry = Components().registry(tmp_path, Ports()).properties()
    assert registry["apicurio.datasource.url"].endswith(";WRITE_DELAY=0")


def test_what_a_ledger_is_folded_from_can_neither_be_deleted_nor_expire(tmp_path):
    """The broker refuses to delete topics and expires neither records nor group offsets."""
    properties = broker(tmp_path).properties()
    assert properties["delete.topic.enable"] == "false"
    assert properties["log.retention.hours"] == "-1"
    assert properties["offsets.retention.minutes"] == "2147483647"


def test_a_test_may_override_any_broker_property(tmp_path):
    """A property given to the stack replaces the broker's own."""
    assert broker(tmp_path, **{"delete.topic.enable": "true"}).properties()["delete.topic.enable"] == "true"


def test_the_fast_java_is_the_default_and_the_full_one_has_no_limit(tmp_path):
    """Kafka starts with the quick compiler by default, and with the full one and a given heap if set so."""
    assert "-XX:TieredStopAtLevel=1" in broker(tmp_path).command()
    full = Components(kafka_jit="full", kafka_heap_mb=777).kafka(tmp_path, Ports(), {}).command()
    assert "-XX:TieredStopAtLevel=1" not in full
    assert "-Xmx777m" in full


def test_a_path_with_blanks_umlauts_and_backslashes_survives_a_properties_file():
    """A path is escaped so that Java reads it back from a properties file unchanged."""
    assert _escaped("/a b/ü\\c/😀") == "/a b/\\u00fc\\\\c/\\ud83d\\ude00"


def test_a_cluster_id_is_a_uuid_that_no_tool_takes_for_an_option():
    """A new cluster id is a UUID in base64 that never begins with a hyphen."""
    for _ in range(200):
        text = new_cluster_id()
        assert len(base64.urlsafe_b64decode(text + "==")) == 16
        assert not text.startswith("-")


def test_the_files_of_kafka_are_in_the_cache_and_its_data_below_the_data_directory(tmp_path):
    """Kafka's jars come from the cache, and its log directory is in the data directory."""
    kafka = Components(cache=Path("/cache")).kafka(tmp_path, Ports(), {})
    assert all(jar.is_relative_to("/cache/artifacts") for jar in kafka.jars)
    assert kafka.properties()["log.dirs"] == str(tmp_path / "kafka")


def test_data_of_a_newer_kafka_is_told_with_what_to_do():
    """A broker that meets a newer Kafka's data is reported with the folder and the two ways out."""
    end = "  Caused by: UnsupportedVersionException: Can't read version 4 of BrokerEndpoint"
    told = data_of_a_newer_one(end, Path("/data/kafka"))
    assert told is not None
    assert "cannot read /data/kafka, which a newer Kafka wrote" in told
    assert "TALLY_DATA_DIR" in told
    assert "`just reset`" in told


def test_another_end_of_the_broker_is_told_by_its_log():
    """A broker that ended for another reason is not said to have met a newer Kafka's data."""
    assert data_of_a_newer_one("  Caused by: java.io.IOException: No space left on device", Path("/data/kafka")) is None
