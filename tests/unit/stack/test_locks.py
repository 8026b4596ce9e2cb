"""The committed locks of Kafka and the registry."""

import pytest

from stack.fetch.locks import AGENT_LOCK, KAFKA_LOCK, REGISTRY_LOCK, TOOLS_LOCK, LockError, parse, read, version_of

HASH = "a" * 64


def test_the_lock_of_kafka_pins_one_version_of_kafka_and_of_its_client():
    """Kafka, its client library and its tools are locked to the same version."""
    artifacts = read(KAFKA_LOCK)
    assert version_of(artifacts, "kafka_2.13") == version_of(artifacts, "kafka-clients") == "4.2.2"
    assert version_of(read(TOOLS_LOCK), "kafka-tools") == "4.2.2"


def test_no_artifact_is_locked_in_two_versions():
    """No artifact of Kafka's lock is pinned twice, so that one version of it is on the class path."""
    names = [(artifact.group, artifact.name, artifact.classifier) for artifact in read(KAFKA_LOCK)]
    assert len(names) == len(set(names))


def test_the_lock_of_the_registry_is_one_archive():
    """The registry's lock pins one archive, whose file name follows from its Maven coordinates."""
    (archive,) = read(REGISTRY_LOCK)
    assert archive.coordinates == "io.apicurio:apicurio-registry-app:3.3.3:all:tar.gz"
    assert archive.file_name == "apicurio-registry-app-3.3.3-all.tar.gz"


@pytest.mark.parametrize("path", [KAFKA_LOCK, REGISTRY_LOCK, AGENT_LOCK, TOOLS_LOCK], ids=lambda path: path.name)
def test_a_lock_reads_back_as_it_was_written(path):
    """Each committed lock is the same after it is written and read again."""
    artifacts = read(path)
    assert parse("\n".join(artifact.line for artifact in artifacts), "again") == artifacts


@pytest.mark.parametrize(
    "line",
    [
        f"g:a:1 sha256:{HASH}",
        f"g:a sha256:{HASH} 1",
        f"g:a:1 sha256:{HASH[:-1]} 1",
        f"g:a:1:c sha256:{HASH} 1",
        f"g:a:1 sha1:{HASH} 1",
        f"g:a:../1 sha256:{HASH} 1",
    ],
)
def test_a_line_that_pins_nothing_is_refused_with_file_and_number(line):
    """A line without version, SHA-256 or size, or with a path in it, is refused by file and number."""
    with pytest.raises(LockError, match=r"some\.lock:2: "):
        parse(f"# comment\n{line}\n", "some.lock")


def test_an_empty_lock_is_refused():
    """A lock that pins no artifact is refused, since nothing would be checked."""
    with pytest.raises(LockError, match="no artifact"):
        parse("# nothing\n", "some.lock")
