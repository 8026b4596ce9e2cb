"""Apache Kafka as one process: broker and KRaft controller, on loopback, its data below one folder."""

import base64
import os
import shutil
import socket
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from stack.errors import StackError
from stack.fetch.java import clean_environment
from stack.fetch.locks import KAFKA_LOCK, read, version_of
from stack.parts.usable_path import text_of
from stack.ports import HOST, Ports
from tally.base.hints import hint
from tally.base.written_file import write_file
from tally.service.private import UMASK

FOREVER_MINUTES: Final = 2**31 - 1
_FORMAT_DEADLINE_S: Final = 60.0
_REQUEST_DEADLINE_S: Final = 2.0
_NEWER: Final = "UnsupportedVersionException: Can't read version"

PROPERTIES: Final[Mapping[str, str]] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "inter.broker.listener.name": "PLAINTEXT",
    "controller.listener.names": "CONTROLLER",
    # One broker: every internal topic has one replica and few partitions, which makes starts quick.
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "4",
    "group.initial.rebalance.delay.ms": "0",
    # Topics come from the contracts, never by a typing error; the ledger is a fold over the topic from offset 0, so
    # nothing may delete it, and the committed offsets are kept for ever.
    "auto.create.topics.enable": "false",
    "delete.topic.enable": "false",
    "offsets.retention.minutes": str(FOREVER_MINUTES),
    # Without these a broker that was killed waits 11 to 13 s for its own old session when it comes back.
    "broker.session.timeout.ms": "2000",
    "broker.heartbeat.interval.ms": "300",
    # Without these the group protocol of KIP-848 needs 50 s to notice a killed member.
    "group.consumer.session.timeout.ms": "6000",
    "group.consumer.min.session.timeout.ms": "6000",
    "group.consumer.heartbeat.interval.ms": "500",
    "group.consumer.min.heartbeat.interval.ms": "500",
    # The classic protocol likewise: a member may ask for a session as short as 6 s (the broker's own default).
    "group.min.session.timeout.ms": "6000",
    "log.retention.hours": "-1",
    # Compacts the internal topics, which are small; the default takes 128 MB of the heap at once.
    "log.cleaner.dedupe.buffer.size": "16777216",
}
"""What every native broker is started with, beside its ports and folders."""


@dataclass(frozen=True)
class Kafka:
    """The native broker of one stack."""

    java: Path
    jars: Sequence[Path]
    data: Path  # the log folder; appears formatted or not at all
    run: Path  # where the properties and the logging configuration are written
    ports: Ports
    jvm_flags: Sequence[str]
    broker_properties: Mapping[str, str]
    cluster_id: str = ""  # of a storage that is formatted now; empty is a new one

    @property
    def properties_file(self) -> Path:
        """Return the path of server.properties."""
        return self.run / "kafka.properties"

    def command(self) -> list[str]:
        """Return the command line of the broker. The jars are in the environment, so that ``ps`` stays readable."""
        logging = f"-Dlog4j2.configurationFile={self._logging_file.as_uri()}"
        return [str(self.java / "bin" / "java"), *self.jvm_flags, logging, "kafka.Kafka", str(self.properties_file)]

    def class_path(self) -> str:
        """Return the jars as Java takes them in CLASSPATH."""
        return ":".join(str(jar) for jar in self.jars)

    def properties(self) -> dict[str, str]:
        """Return the properties in force: ours, the ports, and last those that the caller asks for."""
        addresses = {
            "listeners": f"PLAINTEXT://{HOST}:{self.ports.kafka},CONTROLLER://{HOST}:{self.ports.controller}",
            "advertised.listeners": f"PLAINTEXT://{HOST}:{self.ports.kafka}",
            "controller.quorum.voters": f"1@{HOST}:{self.ports.controller}",
            "log.dirs": text_of(self.data),
        }
        return {**PROPERTIES, **addresses, **self.broker_properties}

    def prepare(self) -> None:
        """Write the configuration and format the storage when there is none yet. Raises StackError."""
        write_file(self._logging_file, _LOGGING, private=True, durable=False)
        _write_properties(self.properties_file, self.properties())
        if not (self.data / "meta.properties").exists():
            self._format()

    @property
    def _logging_file(self) -> Path:
        return self.run / "kafka-log4j2.properties"

    def _format(self) -> None:
        """Format beside the final folder and rename, so that a crash in between leaves no half of a storage."""
        partial = self.data.with_name(self.data.name + ".part")
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(self.data, ignore_errors=True)  # without meta.properties it holds nothing that Kafka would read
        temporary_file = self.run / "kafka-format.properties"
        _write_properties(temporary_file, {**self.properties(), "log.dirs": text_of(partial)})
        flags = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xmx128m"]
        tool = [
            "kafka.tools.StorageTool",
            "format",
            "-t",
            self.cluster_id or new_cluster_id(),
            "-c",
            str(temporary_file),
        ]
        try:
            done = subprocess.run(
                [str(self.java / "bin" / "java"), *flags, *tool],
                env={**clean_environment(os.environ), "CLASSPATH": self.class_path()},
                capture_output=True,
                text=True,
                umask=UMASK,
                timeout=_FORMAT_DEADLINE_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StackError(f"Kafka's storage could not be formatted: {error}") from error
        if done.returncode != 0:
            raise StackError(f"Kafka's storage could not be formatted:\n{(done.stdout + done.stderr).strip()[-2000:]}")
        partial.rename(self.data)


def not_ready(port: int) -> str | None:
    """Return None when the broker on a port answers for itself, else what is missing."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(_REQUEST_DEADLINE_S)
        if probe.connect_ex((HOST, port)) != 0:
            return f"nothing listens on port {port} yet"
    return _unregistered(f"{HOST}:{port}")


def data_of_a_newer_one(log_end: str, data: Path) -> str | None:
    """Return what to do when a broker ended because a newer Kafka wrote its data; None when its log tells otherwise."""
    if _NEWER not in log_end:
        return None
    version = version_of(read(KAFKA_LOCK), "kafka_2.13")
    return (
        f"Kafka {version} cannot read {data}, which a newer Kafka wrote: go back to the checkout that wrote it, "
        f"or set TALLY_DATA_DIR to another folder, or delete all of Tally's data with `{hint('reset')}`"
    )


def new_cluster_id() -> str:
    """Return a random cluster id as Kafka writes it: a UUID in URL-safe base64, not beginning with a dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode("ascii").rstrip("=")
        if not text.startswith("-"):  # the tool would take it for an option
            return text


def _unregistered(bootstrap_servers: str) -> str | None:
    # Imported here: `status` and `down` work without a Kafka client.
    from confluent_kafka import KafkaException  # noqa: PLC0415
    from confluent_kafka.admin import AdminClient  # noqa: PLC0415

    admin = AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0, "client.id": "tally-stack"})
    try:
        return None if admin.list_topics(timeout=_REQUEST_DEADLINE_S).brokers else "the broker is not registered yet"
    except KafkaException as error:
        return str(error.args[0])


def _write_properties(path: Path, properties: Mapping[str, str]) -> None:
    lines = [f"{name}={_escaped(value)}" for name, value in properties.items()]
    write_file(path, "\n".join(lines) + "\n", private=True, durable=False)


def _escaped(value: str) -> str:
    """Escape what a Java properties file gives a meaning to; paths may hold anything."""
    text = value.replace("\\", "\\\\")
    return "".join(c if " " <= c <= "~" else "".join(f"\\u{u:04x}" for u in _utf16(c)) for c in text)


def _utf16(character: str) -> list[int]:
    raw = character.encode("utf-16-be")
    return [int.from_bytes(raw[i : i + 2]) for i in range(0, len(raw), 2)]


_LOGGING: Final = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d{yyyy-MM-dd HH:mm:ss.SSS} %-5p %m (%c{1})%n%throwable
rootLogger.level = info
rootLogger.appenderRef.console.ref = console
# One line a partition and a request adds up to megabytes an hour; warnings of these still show.
logger.state.name = state.change.logger
logger.state.level = warn
logger.config.name = org.apache.kafka.common.config
logger.config.level = warn
logger.cleaner.name = org.apache.kafka.storage.internals.log.LogCleaner
logger.cleaner.level = warn
"""
