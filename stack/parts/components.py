"""Brings Kafka, the registry and Java onto this machine and puts their command lines together."""

import functools
import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

from stack.errors import StackError
from stack.fetch import aot, downloads, java, locks
from stack.fetch.locks import Artifact
from stack.parts import broker_metrics, kafka, registry
from stack.parts.kafka import Kafka
from stack.parts.names import PartName
from stack.parts.registry import Registry
from stack.ports import Ports
from tally.base.cache_folder import cache_folder

_REGISTRY_HEAP: Final = "-Xmx160m"
_TOOL_HEAP: Final = "-Xmx128m"
_TRANSACTIONS_TOOL: Final = "org.apache.kafka.tools.TransactionsCommand"


@dataclass(frozen=True)
class Components:
    """What the native parts are made of: the cache, the Java, and how Kafka's Java runs."""

    cache: Path = field(default_factory=cache_folder)
    java: Literal["bundled", "system"] = "bundled"
    kafka_jit: Literal["fast", "full"] = "fast"
    kafka_heap_mb: int = 512
    kafka_cluster_id: str = ""  # brokers of one cluster are formatted with one id; empty: a new id for each
    quick_starts: bool = True  # use, and make once, Java's ahead-of-time caches
    download: downloads.Download = downloads.from_maven_central

    def fetch(self, parts: Sequence[PartName], say: Callable[[str], None]) -> None:
        """Bring what the given parts need, in one go, and prepare quick starts, once. Raises StackError."""
        if ":" in str(self.cache):
            raise StackError(
                f"TALLY_CACHE_DIR is {str(self.cache)!r}: it has ':' in it, which Java's list of archives cannot have; "
                "choose another folder"
            )
        wanted: list[Artifact] = []
        if "kafka" in parts:
            wanted += locks.read(locks.KAFKA_LOCK)
        if "registry" in parts and not downloads.is_unpacked(self.cache, self._registry_artifact()):
            wanted.append(self._registry_artifact())
        downloads.fetch(self.cache, wanted, self.download, say)
        if "registry" in parts:
            downloads.unpack(self.cache, self._registry_artifact())
        self._train(parts, say)

    def agent(self, say: Callable[[str], None]) -> broker_metrics.Agent:
        """Return what shows a broker's metrics, bringing it when it is not there. Raises StackError."""
        wanted = locks.read(locks.AGENT_LOCK)
        (jar,) = downloads.fetch(self.cache, wanted, self.download, say)
        return broker_metrics.Agent(java.home(self.java), jar)

    def transactions_tool(self, say: Callable[[str], None]) -> tuple[list[str], dict[str, str]]:
        """Return the command of Kafka's kafka-transactions.sh and its environment, bringing what is not there.

        Raises StackError.
        """
        wanted = [*locks.read(locks.KAFKA_LOCK), *locks.read(locks.TOOLS_LOCK)]
        jars = downloads.fetch(self.cache, wanted, self.download, say)
        command = [str(java.home(self.java) / "bin" / "java"), *java.FAST_START, _TOOL_HEAP, _TRANSACTIONS_TOOL]
        return command, {**java.clean_environment(os.environ), "CLASSPATH": ":".join(map(str, jars))}

    def kafka(self, data_dir: Path, ports: Ports, broker_properties: Mapping[str, str]) -> Kafka:
        """Return the broker of a stack; its files must have been fetched."""
        flags = list(java.FAST_START) if self.kafka_jit == "fast" else []
        broker = Kafka(
            java=java.home(self.java),
            jars=[downloads.path_of(self.cache, artifact) for artifact in locks.read(locks.KAFKA_LOCK)],
            data=data_dir / "kafka",
            run=data_dir / "run",
            ports=ports,
            jvm_flags=[*flags, f"-Xmx{self.kafka_heap_mb}m", java.TAKES_AGENTS],
            broker_properties=broker_properties,
            cluster_id=self.kafka_cluster_id,
        )
        quick = aot.flags(self.cache, self._kafka_key(broker)) if self._is_trainable("kafka") else []
        return replace(broker, jvm_flags=[*quick, *broker.jvm_flags])

    def registry(self, data_dir: Path, ports: Ports) -> Registry:
        """Return the registry of a stack; its files must have been fetched."""
        server = Registry(
            java=java.home(self.java),
            program=downloads.unpacked_path_of(self.cache, self._registry_artifact()),
            data=data_dir / "registry",
            ports=ports,
            jvm_flags=[*java.FAST_START, _REGISTRY_HEAP],
        )
        quick = aot.flags(self.cache, self._registry_key(server)) if self._is_trainable("registry") else []
        return replace(server, jvm_flags=[*quick, *server.jvm_flags])

    def _is_trainable(self, part: PartName) -> bool:
        """Tell whether a part uses a cache: only the bundled Java is known to make them."""
        return self.quick_starts and self.java == "bundled" and (part == "registry" or self.kafka_jit == "fast")

    def _train(self, parts: Sequence[PartName], say: Callable[[str], None]) -> None:
        """Make the caches that are missing, side by side."""
        trainable = [part for part in ("kafka", "registry") if part in parts and self._is_trainable(part)]
        if not trainable:
            return
        with tempfile.TemporaryDirectory(prefix="tally-training-") as folder:
            wanted = [
                each for part in trainable if aot.is_wanted(self.cache, (each := self._training(part, folder)).key)
            ]
            if not wanted:
                return
            names = " and ".join(each.name for each in wanted)
            say(f"preparing {names} for quick starts: once, about 20 s and 170 MB in {self.cache}")
            with ThreadPoolExecutor(len(wanted)) as pool:
                list(pool.map(lambda each: aot.train(self.cache, each, say), wanted))

    def _training(self, part: str, folder: str) -> aot.Training:
        place = Path(folder) / part
        (place / "run").mkdir(parents=True)
        ports = Ports.free()
        environment = java.clean_environment({})
        if part == "kafka":
            broker = self.kafka(place, ports, {})
            return aot.Training(
                part,
                self._kafka_key(broker),
                place,
                broker.prepare,
                lambda extra: replace(broker, jvm_flags=[*extra, *broker.jvm_flags]).command(),
                {**environment, "CLASSPATH": broker.class_path()},
                functools.partial(kafka.not_ready, ports.kafka),
            )
        server = self.registry(place, ports)
        return aot.Training(
            part,
            self._registry_key(server),
            place,
            server.prepare,
            lambda extra: replace(server, jvm_flags=[*extra, *server.jvm_flags]).command(),
            environment,
            functools.partial(registry.not_ready, ports.registry),
        )

    @staticmethod
    def _kafka_key(broker: Kafka) -> str:
        return aot.key_of(broker.java, broker.jars, java.FAST_START)

    @staticmethod
    def _registry_key(server: Registry) -> str:
        return aot.key_of(server.java, [server.program / "quarkus-run.jar"], java.FAST_START)

    @staticmethod
    def _registry_artifact() -> Artifact:
        return locks.read(locks.REGISTRY_LOCK)[0]
