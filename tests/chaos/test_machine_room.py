"""Faults of the machine room: no file descriptors left, a broker's name that is gone, an expired certificate.

Each ends in a clear word or in recovery without help. Invariants: I1 and I2 after each, by the oracle.
"""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

import grpc
import pytest

from oracle.history import History, Outcome
from tests.chaos.conftest import Counting, add_once
from tests_support.certificates import Authority
from tests_support.chaos.cluster import Cluster, temporary_cluster
from tests_support.chaos.descriptors import no_limits, without_descriptors
from tests_support.producer.callers import Caller, new_pair
from tests_support.producer.process import addition
from tests_support.running.faults import chosen_seed
from tests_support.running.recovery import recovered
from tests_support.waiting import eventually

pytestmark = pytest.mark.broker


needs_limits = pytest.mark.skipif(bool(no_limits()), reason=no_limits())


@needs_limits
def test_a_producer_without_descriptors_serves_whom_it_has_and_all_again_afterwards(counting: Counting) -> None:
    """A producer without descriptors answers on open connections, and accepts new ones once it has some (I1)."""
    producer = counting.cluster.producer(producer_lanes=1).wait_ready()
    assert producer.service.Add(addition(), timeout=10).sum == "42.5"
    with without_descriptors(producer.process.pid):
        assert producer.service.Add(addition(), timeout=30).sum == "42.5"
        assert add_once(producer, counting.history, 1.0) is not Outcome.OK, "a new connection needs a descriptor"
        assert producer.lives
    began_s = time.monotonic()
    eventually(lambda: add_once(producer, counting.history) is Outcome.OK, 30, "new connections are served again")
    recovered("a new connection is served", time.monotonic() - began_s)
    counting.examine()


@needs_limits
def test_a_consumer_without_descriptors_waits_and_goes_on_afterwards(counting: Counting) -> None:
    """A consumer without descriptors logs that, stays alive, and counts everything once it has some (I1, I5)."""
    producer = counting.cluster.producer(producer_lanes=1).wait_ready()
    with without_descriptors(counting.consumer.process.pid):
        for _ in range(20):
            assert add_once(producer, counting.history) is Outcome.OK
        counting.consumer.wait_log("Too many open files")
        assert counting.consumer.lives
    began_s = time.monotonic()
    counting.consumer.wait_ready()
    recovered("the consumer is ready", time.monotonic() - began_s)
    counting.examine()


NAME = "broker.tally.test"


@pytest.fixture
def named_cluster() -> Iterator[Cluster]:
    """A cluster whose broker is known by a name."""
    with temporary_cluster(advertised_host=NAME) as made:
        yield made


@pytest.mark.chaos
def test_a_broker_s_name_that_is_gone_for_a_minute(named_cluster: Cluster, tmp_path: Path) -> None:
    """While a broker's name does not resolve calls are not acknowledged, and all goes on by itself once it does."""
    hosts = tmp_path / "hosts"
    with_name, without_name = f"127.0.0.1 localhost {NAME}\n", "127.0.0.1 localhost\n"
    hosts.write_text(with_name)
    if subprocess.run(_own_hosts(hosts, ["true"]), capture_output=True, check=False).returncode != 0:
        pytest.skip("this machine does not let a process have an /etc/hosts of its own (unshare, mount --bind)")
    history = History()
    named_cluster.prefix = _own_hosts(hosts, [])
    producer = named_cluster.producer(producer_lanes=1, producer_socket_timeout_ms=500).wait_ready()
    consumer = named_cluster.consumer().wait_ready()
    assert add_once(producer, history) is Outcome.OK
    hosts.write_text(without_name)
    named_cluster.proxy.cut_all()
    caller = Caller(producer.target, history, 60.0)
    assert caller.add(new_pair(Random(chosen_seed()))).outcome is not Outcome.OK
    hosts.write_text(with_name)
    began_s = time.monotonic()
    eventually(lambda: add_once(producer, history) is Outcome.OK, 60, "it serves when the name is back")
    recovered("acknowledged, after the name is back", time.monotonic() - began_s)
    consumer.wait_ready()
    named_cluster.examine(history)


def _own_hosts(hosts: Path, command: list[str]) -> list[str]:
    """Return a command that runs another one with an /etc/hosts of its own."""
    script = f'mount --bind "{hosts}" /etc/hosts && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "sh", *command]


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def tls_cluster(tmp_path: Path, authority: Authority) -> Iterator[Cluster]:
    """A cluster that Tally reaches over TLS, with a certificate that has expired."""
    pem = tmp_path / "broker.pem"
    pem.write_bytes(b"".join(authority.issue(valid_days=-1)))
    broker = {
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,PROXIED:SSL,CONTROLLER:PLAINTEXT",
        "listener.name.proxied.ssl.keystore.type": "PEM",
        "listener.name.proxied.ssl.keystore.location": str(pem),
    }
    with temporary_cluster(broker_properties=broker) as made:
        yield made


def test_an_expired_certificate_is_told_and_a_new_one_is_taken(
    tls_cluster: Cluster, authority: Authority, tmp_path: Path
) -> None:
    """Both services report a broker's expired certificate, and serve once the broker has a new one."""
    (tmp_path / "ca.pem").write_bytes(authority.certificate)
    properties = tmp_path / "client.properties"
    properties.write_text(f"security.protocol=ssl\nssl.ca.location={tmp_path / 'ca.pem'}\n")
    history = History()
    producer = tls_cluster.producer(kafka_config=properties, producer_lanes=1)
    consumer = tls_cluster.consumer(kafka_config=properties)
    producer.wait_log("certificate verify failed")
    consumer.wait_log("certificate verify failed")
    assert producer.health() == "NOT_SERVING"
    with pytest.raises(grpc.RpcError, match="UNAVAILABLE"):
        producer.service.Add(addition(), timeout=5)
    [broker] = tls_cluster.brokers
    broker.kill()
    (tmp_path / "broker.pem").write_bytes(b"".join(authority.issue()))
    broker.start()
    broker.wait_ready()
    began_s = time.monotonic()
    producer.wait_ready(60)
    consumer.wait_ready(60)
    recovered("both are ready, after the broker", time.monotonic() - began_s)
    assert add_once(producer, history) is Outcome.OK
    tls_cluster.examine(history)
