"""The client properties file (``TALLY_KAFKA_CONFIG``), as Kafka's own tools take it.

Lines of ``name=value``; ``#`` starts a comment. Names are those of librdkafka; ``bootstrap.servers`` in the file wins
over the setting, so that one file can describe a cluster. What would load code or run a command is refused.
"""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from confluent_kafka import KafkaException

_RUNS_CODE: Final = {
    "plugin.library.paths": "it loads libraries into this process",
    "ssl.engine.location": "it loads a library into this process",
    "ssl.providers": "it loads libraries into this process",
    "sasl.kerberos.kinit.cmd": "it is a command that is run; renew the ticket outside, with k5start or cron",
}
_OBJECTS: Final = frozenset(
    {"default.topic.config", "error_cb", "logger", "oauth_cb", "on_commit", "on_delivery", "stats_cb", "throttle_cb"}
)
"""What the client takes beside librdkafka's properties; a text there ends it with an error of Python, or later."""
_NAME: Final = re.compile(r"[a-z]+(\.[a-z]+)+(?=[\s:])")
"""The property that a line most likely means; the rest of the line may be a password, and is not shown."""
_VALUE: Final = re.compile(r'Invalid value ".*" for', re.DOTALL)
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_SHELL_SAFE: Final = re.compile(r"[A-Za-z0-9._/@:-]*")
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
        lines = _LINE_END.split(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise KafkaConfigError(f"TALLY_KAFKA_CONFIG is {str(path)!r}: {error}") from error
    properties: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        text = line.strip()
        if not text or text.startswith(("#", "!")):
            continue
        name, separator, value = text.partition("=")
        if not separator or not name.strip():
            named = _NAME.match(text)
            raise KafkaConfigError(
                f"{path}:{number}: {f'after {named[0]} ' if named else ''}an = is missing: a line is name=value"
            )
        if (len(text) - len(text.rstrip("\\"))) % 2:
            # Java's tools would join the next line to this one; on its own that line may be a property, too.
            raise KafkaConfigError(f"{path}:{number}: ends with a backslash: write the value on one line")
        properties[name.strip()] = value.strip()
    for name, value in properties.items():
        _require_data_only(name, value, path)
    return properties


def refusal(properties: Path | None, error: "KafkaException") -> str:
    """Return what to say of a client that cannot be made: a property is wrong, and no value of one is shown."""
    return f"TALLY_KAFKA_CONFIG is {str(properties)!r}: {without_values(error.args[0].str())}"


def without_values(reason: str) -> str:
    """Return what librdkafka says of a property, without its value: a line may have run into the next one."""
    return _VALUE.sub("Invalid value for", reason)


def _require_data_only(name: str, value: str, path: Path) -> None:
    """Raise KafkaConfigError for what is no property, and for one by which librdkafka would load or run something."""
    if name in _OBJECTS:
        raise KafkaConfigError(f"{path}: {name} is not allowed: it is an object of the program, which no file can give")
    if name in _RUNS_CODE:
        raise KafkaConfigError(f"{path}: {name} is not allowed: {_RUNS_CODE[name]}")
    # librdkafka puts these into the command line of kinit, which a shell reads.
    if name.startswith("sasl.kerberos.") and _SHELL_SAFE.fullmatch(value) is None:
        raise KafkaConfigError(f"{path}: {name} may contain only letters, digits and ._/@:-, since a shell reads it")
