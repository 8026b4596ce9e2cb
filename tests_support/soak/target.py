"""The system that faults are done to: which of its processes there are, and how it is mended between and after them."""

import random
from typing import Final

from tests_support.chaos.clock import Clock
from tests_support.chaos.cluster import Cluster
from tests_support.consumer.process import ConsumerProcess
from tests_support.producer.process import ProducerProcess
from tests_support.running.service_process import ServiceProcess
from tests_support.waiting import eventually

MEND_S: Final = 180.0


class Target:
    """What faults are done to. ``spare`` is the consumer that comes and goes; ``clock`` is what the services read."""

    def __init__(self, cluster: Cluster, rng: random.Random, clock: Clock | None) -> None:
        self.cluster, self.rng, self.clock = cluster, rng, clock
        self.consumer = cluster.consumers[0]
        self.spare: ConsumerProcess | None = None
        self._spare_was_there = False

    def producer(self) -> ProducerProcess:
        """Draw a producer."""
        return self.rng.choice(self.cluster.producers)

    def service(self) -> ServiceProcess:
        """Draw a producer or the consumer that stays."""
        return self.rng.choice([*self.cluster.producers, self.consumer])

    def revive(self) -> list[str]:
        """Start again what ended by itself, and tell which."""
        ended = [one for one in (*self.cluster.producers, self.consumer) if not one.lives]
        for one in ended:
            one.restart(fault_points=None)
        if self.spare is not None and not self.spare.lives:
            self.spare.restart()
        return [f"{one.log.name} ended with {one.process.returncode}" for one in ended]

    def add_spare(self) -> ConsumerProcess:
        """Start the second replica."""
        self._spare_was_there = True
        self.spare = self.cluster.consumer("1")
        return self.spare

    def end_spare(self) -> None:
        """Kill the second replica; what it keeps stays."""
        assert self.spare is not None
        self.spare.end()
        self.cluster.consumers.remove(self.spare)
        self.spare = None

    def mend(self) -> None:
        """Let each replica own everything once, the first one last: a ledger is mended when it is opened, and one that
        was torn by a kill or damaged lies there until then."""
        if self._spare_was_there:
            spare = self.spare or self.add_spare()
            self.consumer.kill()
            _wait_all_counting(spare)
            self.end_spare()
            self.consumer.restart()
        _wait_all_counting(self.consumer)


def _wait_all_counting(consumer: ConsumerProcess) -> None:
    def counting() -> bool:
        return all(each["state"] == "RUNNING" for each in consumer.get("/v1/total")["partitions"])

    eventually(counting, MEND_S, f"replica {consumer.replica} counts every partition", retry_on=(OSError,))
