"""Brings Kafka, the registry and Java onto this machine and puts their command lines together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from stack import downloads, java, locks
from stack.kafka import Kafka
from stack.locks import Artifact
from stack.parts import PartName
from stack.ports import Ports
from stack.registry import Registry

Jit = Literal["fast", "full"]

_REGISTRY_FLAGS: Final = (*java.FAST_START, "-Xmx160m")


@dataclass(frozen=True)
class Components:
    """What the native parts are made of: the cache, the Java, and how Kafka's Java runs."""

    cache: Path = field(default_factory=downloads.default_folder)
    java: Literal["bundled", "system"] = "bundled"
    kafka_jit: Jit = "fast"
    kafka_heap_mb: int = 512
    download: downloads.Download = downloads.from_maven_central

    def fetch(self, parts: Sequence[PartName], say: Callable[[str], None]) -> None:
        """Bring what the given parts need, in one go. Raises StackError."""
        wanted: list[Artifact] = []
        if "kafka" in parts:
            wanted += locks.read(locks.KAFKA_LOCK)
        if "registry" in parts and not downloads.is_unpacked(self.cache, self._registry_artifact()):
            wanted.append(self._registry_artifact())
        downloads.fetch(self.cache, wanted, self.download, say)
        if "registry" in parts:
            downloads.unpack(self.cache, self._registry_artifact())

    def kafka(self, data_dir: Path, ports: Ports, broker_properties: Mapping[str, str]) -> Kafka:
        """Return the broker of a stack; its files must have been fetched."""
        artifacts = locks.read(locks.KAFKA_LOCK)
        return Kafka(
            java=java.home(self.java),
            jars=[downloads.path_of(self.cache, artifact) for artifact in artifacts],
            data=data_dir / "kafka",
            run=data_dir / "run",
            ports=ports,
            jvm_flags=[*self._kafka_jit_flags(), f"-Xmx{self.kafka_heap_mb}m"],
            broker_properties=broker_properties,
        )

    def registry(self, data_dir: Path, ports: Ports) -> Registry:
        """Return the registry of a stack; its files must have been fetched."""
        return Registry(
            java=java.home(self.java),
            program=downloads.unpacked_path_of(self.cache, self._registry_artifact()),
            data=data_dir / "registry",
            ports=ports,
            jvm_flags=_REGISTRY_FLAGS,
        )

    def _kafka_jit_flags(self) -> Sequence[str]:
        return java.FAST_START if self.kafka_jit == "fast" else ()

    @staticmethod
    def _registry_artifact() -> Artifact:
        return locks.read(locks.REGISTRY_LOCK)[0]
