"""A cluster of real parts for tests of faults: one or three brokers behind proxies, a registry, producers, consumers.

Theory of operation. Each broker is a `Stack` of its own folder, of which Kafka alone runs; the first one's also runs
the registry and publishes the contracts. A broker listens twice: for brokers and the test itself (``direct``), and for
Tally behind a `KafkaProxy`, whose address it advertises there. Producers and consumers come and go as a test asks; a
consumer's folder is that of its replica below one data directory, where the oracle finds them all.
"""

import dataclasses
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from confluent_kafka.admin import AdminClient

from oracle.history import History
from oracle.reading import System, examine
from oracle.report import Report
from stack import Components, Ports, Stack
from stack.parts.kafka import new_cluster_id
from tests_support.chaos.proxy import KafkaProxy
from tests_support.consumer.process import ConsumerProcess
from tests_support.producer.callers import Crowd
from tests_support.producer.process import ProducerProcess
from tests_support.running.service_process import free_port, held
from tests_support.running.stacks import temporary_folder
from tests_support.waiting import eventually

HOST: Final = "127.0.0.1"
READY_S: Final = 90.0
LOG_CHARACTERS: Final = 6_000


@dataclasses.dataclass(frozen=True)
class Broker:
    """One broker, the proxy before it, and its number, from 0."""

    number: int
    stack: Stack
    proxy: KafkaProxy

    @property
    def pid(self) -> int:
        """Return its process."""
        pid = self.stack.pid("kafka")
        assert pid is not None, f"broker {self.number} does not run"
        return pid

    @property
    def folder(self) -> Path:
        """Return its log folder."""
        return self.stack.data_dir / "kafka"

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.stack.kill("kafka")

    def stop(self) -> None:
        """Stop it in order."""
        self.stack.stop("kafka")

    def start(self) -> None:
        """Start it, without waiting until it is ready."""
        self.stack.start("kafka")

    def wait_ready(self) -> None:
        """Return when it answers for itself."""
        self.stack.wait_ready("kafka", READY_S)

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold it with SIGSTOP for a while."""
        with held(self.pid):
            yield


class Cluster:
    """See the module's theory of operation. Use it as a context; whatever happens, nothing is left running."""

    def __init__(
        self,
        folder: Path,
        *,
        brokers: int = 1,
        broker_properties: Mapping[str, str] | None = None,
        advertised_host: str = HOST,
    ) -> None:
        """Describe it; entering the context starts brokers, registry and contracts.

        ``advertised_host`` is the name by which clients of the proxies find them.
        """
        self.folder = folder
        self.data_dir = folder / "data"
        self.producers: list[ProducerProcess] = []
        self.consumers: list[ConsumerProcess] = []
        self.prefix: list[str] = []  # of the commands of services that are started from now on
        self._named = 0
        self._ends = ExitStack()
        self._advertised_host = advertised_host
        self.brokers = self._described(brokers, dict(broker_properties or {}))

    def _described(self, number: int, extra: dict[str, str]) -> list[Broker]:
        ports = [Ports.free() for _ in range(number)]
        behind = [free_port() for _ in range(number)]
        proxies = [KafkaProxy(port) for port in behind]
        for proxy in proxies:
            self._ends.callback(proxy.close)
        voters = ",".join(f"{index + 1}@{HOST}:{each.controller}" for index, each in enumerate(ports))
        components = Components(kafka_cluster_id=new_cluster_id(), kafka_heap_mb=256)
        stacks = [
            Stack(
                self.folder / f"broker-{index}",
                each,
                broker_properties={
                    **_addresses(index, each, behind[index], f"{self._advertised_host}:{proxies[index].port}"),
                    "controller.quorum.voters": voters,
                    **(_REPLICATED if number > 1 else {}),
                    **extra,
                },
                components=components,
                die_with_caller=True,
            )
            for index, each in enumerate(ports)
        ]
        return [Broker(index, stack, proxies[index]) for index, stack in enumerate(stacks)]

    # -- where things are --------------------------------------------------------------------------------------------

    @property
    def direct(self) -> str:
        """Return the brokers' addresses past the proxies, for a test's own clients."""
        return ",".join(broker.stack.bootstrap_servers for broker in self.brokers)

    @property
    def proxied(self) -> str:
        """Return the addresses that Tally is given."""
        return ",".join(f"{self._advertised_host}:{broker.proxy.port}" for broker in self.brokers)

    @property
    def proxy(self) -> KafkaProxy:
        """Return the first broker's proxy."""
        return self.brokers[0].proxy

    @property
    def registry(self) -> Stack:
        """Return the stack whose registry is used."""
        return self.brokers[0].stack

    @property
    def system(self) -> System:
        """Return where the oracle looks; at least one consumer must run."""
        return System(
            kafka=self.direct,
            registry_url=self.registry.registry_url,
            ledgers=[self.data_dir],
            rest_urls=[one.url for one in self.consumers if one.lives],
        )

    def admin(self) -> AdminClient:
        """Return an admin client past the proxies."""
        return AdminClient({"bootstrap.servers": self.direct, "log_level": 2})

    # -- life --------------------------------------------------------------------------------------------------------

    def __enter__(self) -> Self:
        """Start brokers and registry, and publish the contracts."""
        try:
            for broker in self.brokers:
                self._ends.callback(broker.stack.down)
                broker.start()
            self.registry.start("registry")
            for broker in self.brokers:
                broker.wait_ready()
            eventually(self._all_registered, READY_S, "all brokers are registered", interval_s=0.1)
            self.registry.wait_ready("registry", READY_S)
            self.registry.start("contracts")
        except BaseException:
            self.close()
            raise
        return self

    def _all_registered(self) -> bool:
        return len(self.admin().list_topics(timeout=5).brokers) == len(self.brokers)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End everything; after a failure show the end of each log."""
        if error is not None:
            self.show_logs()
        self.close()

    def close(self) -> None:
        """End everything, also when one of them does not end in time."""
        with ExitStack() as ends:
            ends.callback(self._ends.close)
            for process in (*self.producers, *self.consumers):
                ends.callback(process.end)

    def show_logs(self) -> None:
        """Print the end of each service's log."""
        for process in (*self.producers, *self.consumers):
            print(f"--- {process.log.name}, exit code {process.process.poll()}:\n{process.text()[-LOG_CHARACTERS:]}")

    # -- producers and consumers -------------------------------------------------------------------------------------

    def producer(self, **settings: object) -> ProducerProcess:
        """Start a producer, behind the proxies: ``producer(producer_lanes=2)`` sets TALLY_PRODUCER_LANES."""
        replica = {"TALLY_PRODUCER_REPLICA": f"p{self._named + len(self.producers)}"}
        one = ProducerProcess(
            self.registry,
            self.folder / "log",
            {**self._addresses, **replica, **_variables(settings)},
            prefix=self.prefix,
        )
        self.producers.append(one)
        return one

    def consumer(self, replica: str | None = None, **settings: object) -> ConsumerProcess:
        """Start a consumer, behind the proxies, named by its number unless given."""
        name = replica or str(len(self.consumers))
        environment = {"TALLY_REGISTRY_URL": self.registry.registry_url, **self._addresses, **_variables(settings)}
        one = ConsumerProcess(self.folder / "log", self.data_dir, name, environment, prefix=self.prefix)
        self.consumers.append(one)
        return one

    def end_producers(self) -> None:
        """Kill all producers and forget them; the network is whole again."""
        for broker in self.brokers:
            broker.proxy.clear()
        for process in self.producers:
            process.end()
        self._named += len(self.producers)  # a later one must not fence a name that was in use
        self.producers.clear()

    def end_services(self) -> None:
        """Kill all producers and consumers and forget them; what the consumers kept stays."""
        self.end_producers()
        for process in self.consumers:
            process.end()
        self.consumers.clear()

    @property
    def _addresses(self) -> dict[str, str]:
        return {"TALLY_KAFKA_BOOTSTRAP_SERVERS": self.proxied}

    # -- traffic and judgement ---------------------------------------------------------------------------------------

    @contextmanager
    def traffic(self, history: History, seed: int, *, callers: int = 4) -> Iterator[None]:
        """Let callers of every living producer add, repeat and contradict; at the end each settles what it began."""
        with ExitStack() as crowds:
            for number, producer in enumerate(one for one in self.producers if one.lives):
                crowds.enter_context(Crowd(producer.target, history, seed=seed + number, callers=callers))
            yield

    def examine(self, history: History | None = None, drain_s: float = 60.0) -> Report:
        """Let everything settle and return the oracle's report, which is clean. Raises AssertionError."""
        report = examine(self.system, history, drain_s).require_clean()
        print(report, history.counts() if history else "")
        return report


def wait_acknowledged(history: History, more: int, timeout_s: float = 60.0) -> float:
    """Return after how many seconds so many further ids were acknowledged."""
    began_s = time.monotonic()
    goal = len(history.acknowledged()) + more
    eventually(
        lambda: len(history.acknowledged()) >= goal, timeout_s, f"{more} more ids are acknowledged", interval_s=0.01
    )
    return time.monotonic() - began_s


@contextmanager
def temporary_cluster(
    *, brokers: int = 1, broker_properties: Mapping[str, str] | None = None, advertised_host: str = HOST
) -> Iterator[Cluster]:
    """Yield a cluster in a folder that is deleted at the end; see there for the options."""
    with (
        temporary_folder() as folder,
        Cluster(
            folder, brokers=brokers, broker_properties=broker_properties, advertised_host=advertised_host
        ) as cluster,
    ):
        yield cluster


def _addresses(index: int, ports: Ports, behind: int, proxy: str) -> dict[str, str]:
    """Return a broker's listeners: for brokers, for clients behind the proxy, and the controller's."""
    return {
        "node.id": str(index + 1),
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "listeners": (
            f"PLAINTEXT://{HOST}:{ports.kafka},PROXIED://{HOST}:{behind},CONTROLLER://{HOST}:{ports.controller}"
        ),
        "advertised.listeners": f"PLAINTEXT://{HOST}:{ports.kafka},PROXIED://{proxy}",
    }


_REPLICATED: Final = {
    "offsets.topic.replication.factor": "3",
    "transaction.state.log.replication.factor": "3",
    "transaction.state.log.min.isr": "2",
    "share.coordinator.state.topic.replication.factor": "3",
    "share.coordinator.state.topic.min.isr": "2",
    # A quarter of the defaults: a killed leader is noticed within the time that a caller waits.
    "controller.quorum.election.timeout.ms": "500",
    "controller.quorum.fetch.timeout.ms": "1000",
    "replica.lag.time.max.ms": "5000",
}


def _variables(settings: Mapping[str, object]) -> dict[str, str]:
    return {f"TALLY_{key.upper()}": str(value) for key, value in settings.items()}
