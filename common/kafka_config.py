"""The client properties file (``TALLY_KAFKA_CONFIG``), as Kafka's own tools take it.

Lines of ``name=value``; ``#`` starts a comment. Names are those of librdkafka; ``bootstrap.servers`` in the file wins
over the setting, so that one file can describe a cluster.
"""

from pathlib import Path
from typing import Final

READS_ANY_RECORD: Final = {"receive.message.max.bytes": 2_147_483_647}
"""For clients that read records: the most that librdkafka takes. It limits what a batch may decompress to as well, and
what a topic holds must never be an error because of it."""


class KafkaConfigError(Exception):
    """The file cannot be read or has a line that is not ``name=value``; the message names file and line."""


def client_config(bootstrap_servers: str, properties: Path | None) -> dict[str, str]:
    """Return the part of a client's configuration that every client shares."""
    config = {"bootstrap.servers": bootstrap_servers, "client.id": "tally"}
    if properties is not None:
        config |= read_properties(properties)
    return config


def read_properties(path: Path) -> dict[str, str]:
    """Return the properties of a file. Raises KafkaConfigError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise KafkaConfigError(f"TALLY_KAFKA_CONFIG is {str(path)!r}: {error}") from error
    properties: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith(("#", "!")):
            continue
        name, separator, value = text.partition("=")
        if not separator or not name.strip():
            raise KafkaConfigError(f"{path}:{number}: {text!r} is not name=value")
        properties[name.strip()] = value.strip()
    return properties
