"""The catalogue of the soak: each fault as one function on the system, drawn at random by the nemesis.

A fault does its harm and mends it: when it returns the processes that the system needs were started again, though they
may not be ready yet. Each returns a few words on what exactly it did.
"""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

from oracle.facts import TopicRecord
from tests_support.chaos.clock import no_clock
from tests_support.chaos.descriptors import no_limits, without_descriptors
from tests_support.chaos.proxy import COORDINATOR, Direction
from tests_support.consumer import foreign
from tests_support.running.service_process import ServiceProcess
from tests_support.soak.target import Target
from tests_support.waiting import NotInTimeError, eventually, pause

PARTITIONS: Final = 12
HOUR_S: Final = 3600
PRODUCER_POINTS: Final = ("after_begin", "after_produce", "before_commit", "after_commit", "after_init")
CONSUMER_POINTS: Final = (
    "after_fetch", "before_append", "before_fsync", "after_fsync", "before_commit", "after_commit",
    "segment_before_fsync", "segment_before_rename", "segment_before_dir_fsync", "segment_after_dir_fsync",
)  # fmt: skip
_BOTH: Final[tuple[Direction, ...]] = ("request", "answer")
_WAYS: Final[tuple[tuple[Direction, ...], ...]] = (("request",), ("answer",), _BOTH)
POINT_S: Final = 6.0
"""How long a fault point is waited for; one that is not reached, of a new segment say, is left out then."""


def kill_producer(target: Target) -> str:
    """SIGKILL, and start again."""
    return _killed(target.producer())


def kill_consumer(target: Target) -> str:
    """SIGKILL, and start again."""
    return _killed(target.consumer)


def kill_everything(target: Target) -> str:
    """SIGKILL all services at once."""
    for one in (*target.cluster.producers, target.consumer):
        _killed(one)
    return "both producers and the consumer"


def hold_service(target: Target) -> str:
    """SIGSTOP below and above the session's time-out."""
    one, held_s = target.service(), target.rng.uniform(0.3, 7.5)
    with one.held():
        pause(held_s)
    return f"{one.log.stem} for {held_s:.1f} s"


def kill_broker(target: Target) -> str:
    """SIGKILL, and start again."""
    broker = target.cluster.brokers[0]
    broker.kill()
    pause(target.rng.uniform(0.0, 1.5))
    broker.start()
    broker.wait_ready()
    return "and started again"


def hold_broker(target: Target) -> str:
    """SIGSTOP below and above a request's time-out."""
    held_s = target.rng.uniform(0.3, 5.0)
    with target.cluster.brokers[0].held():
        pause(held_s)
    return f"for {held_s:.1f} s"


def kill_registry(target: Target) -> str:
    """SIGKILL the registry and a service that needs it at its start."""
    registry = target.cluster.registry
    registry.kill("registry")
    what = _killed(target.service())
    pause(target.rng.uniform(0.5, 3.0))
    registry.start("registry")
    return f"and {what}"


def producer_dies_at_a_point(target: Target) -> str:
    """A fault point of a transaction."""
    return _dies_at(target, target.producer(), "producer", PRODUCER_POINTS)


def consumer_dies_at_a_point(target: Target) -> str:
    """A fault point between fetch and commit."""
    return _dies_at(target, target.consumer, "consumer", CONSUMER_POINTS)


def disk_fails(target: Target) -> str:
    """An fsync of the ledger fails: the consumer must end at once."""
    target.consumer.kill()
    count = target.rng.randrange(1, 12)
    target.consumer.restart(fault_points=f"consumer.disk_fsync=error:EIO@{count}")
    return f"fsync number {count}, {_end_of(target.consumer)}"


def full_disk(target: Target) -> str:
    """Writes of the ledger find no room any more: its partitions wait, until a consumer starts that has room."""
    target.consumer.kill()
    count, full_s = target.rng.randrange(13, 30), target.rng.uniform(1.0, 4.0)  # beyond the rewrites of an opening
    target.consumer.restart(fault_points=f"consumer.disk_write=error:ENOSPC@{count}+")
    pause(full_s)
    target.consumer.kill()
    target.consumer.restart(fault_points=None)
    return f"from write number {count} on, for {full_s:.1f} s"


def slow_disk(target: Target) -> str:
    """Every fsync takes long for a while."""
    target.consumer.kill()
    delay_ms, slow_s = target.rng.randrange(50, 400), target.rng.uniform(2.0, 5.0)
    target.consumer.restart(fault_points=f"consumer.disk_fsync=delay:{delay_ms}")
    pause(slow_s)
    target.consumer.kill()
    target.consumer.restart(fault_points=None)
    return f"{delay_ms} ms an fsync for {slow_s:.1f} s"


def slow_network(target: Target) -> str:
    """Latency and little bandwidth."""
    latency_s, slow_s = target.rng.uniform(0.02, 0.3), target.rng.uniform(1.0, 5.0)
    with target.cluster.proxy.slow(latency_s, 500_000):
        pause(slow_s)
    return f"{latency_s * 1000:.0f} ms a frame for {slow_s:.1f} s"


def cut_network(target: Target) -> str:
    """Every connection is cut, and for a moment refused."""
    with target.cluster.proxy.refusing():
        refused_s = target.rng.uniform(0.0, 2.0)
        pause(refused_s)
    return f"and refused for {refused_s:.1f} s"


def partition_network(target: Target) -> str:
    """Everything in one direction, or in both, is swallowed."""
    ways = target.rng.choice(_WAYS)
    lost_s = target.rng.uniform(0.5, 5.0)
    with target.cluster.proxy.partitioned(*ways):
        pause(lost_s)
    return f"{' and '.join(ways)} for {lost_s:.1f} s"


def black_hole(target: Target) -> str:
    """Requests to the transaction coordinator vanish."""
    lost_s = target.rng.uniform(0.5, 5.0)
    fault = target.cluster.proxy.drop(COORDINATOR)
    pause(lost_s)
    fault.end()
    target.cluster.proxy.cut_all()
    return f"{fault.caught} requests in {lost_s:.1f} s"


def hold_end_txn(target: Target) -> str:
    """An EndTxn, or its answer, is held back on the way and then let go."""
    way = target.rng.choice(_BOTH)
    held_s = target.rng.uniform(0.5, 6.0)
    fault = target.cluster.proxy.hold("EndTxn", way)
    pause(held_s)
    fault.end()
    return f"{fault.caught} {way} for {held_s:.1f} s"


def cut_end_txn(target: Target) -> str:
    """The connection is cut on which an EndTxn, or its answer, comes."""
    way = target.rng.choice(_BOTH)
    fault = target.cluster.proxy.cut("EndTxn", way, count=target.rng.randrange(1, 4))
    pause(1.0)
    fault.end()
    return f"{fault.caught} times, the {way}"


def hold_offset_commit(target: Target) -> str:
    """The answer to a commit of the consumer's offsets is held back."""
    held_s = target.rng.uniform(0.5, 5.0)
    fault = target.cluster.proxy.hold("OffsetCommit", "answer")
    pause(held_s)
    fault.end()
    return f"{fault.caught} answer for {held_s:.1f} s"


def damage_ledger(target: Target) -> str:
    """While the consumer is down: a torn tail, a flipped bit, a lost segment, a lost folder."""
    target.consumer.kill()
    partition = target.rng.randrange(PARTITIONS)
    files = sorted(target.consumer.ledger_dir(partition).glob("*.avro"))
    how = target.rng.choice(("torn", "zeros", "flipped", "lost segment", "lost folder"))
    if files:
        _damage(target.rng, target.rng.choice(files), files, how)
    target.consumer.restart(fault_points=None)
    return f"partition {partition}: {how}"


def replica_comes_or_goes(target: Target) -> str:
    """A second consumer joins the group, or is killed and stays away."""
    if target.spare is not None:
        target.end_spare()
        return "it went"
    target.add_spare()
    return "it came"


def foreign_writer(target: Target) -> str:
    """Garbage, and good bytes in a wrong partition, by somebody else."""
    count = target.rng.randrange(1, 6)
    records = [
        TopicRecord(
            partition=target.rng.randrange(PARTITIONS),
            offset=0,
            key=target.rng.randbytes(16),
            value=target.rng.randbytes(target.rng.randrange(80)),
        )
        for _ in range(count)
    ]
    foreign.write(target.cluster.system, records)
    return f"{count} records of garbage"


def clock_jumps(target: Target) -> str:
    """An hour forth or back for every service, and back again."""
    offset_s, kept_s = target.rng.choice((-HOUR_S, HOUR_S)), target.rng.uniform(0.5, 3.0)
    if target.clock is None:  # after the draws: a seed draws the same on every machine
        return f"left out: {no_clock()}"
    target.clock.set(offset_s)
    pause(kept_s)
    target.clock.set(0)
    return f"{offset_s:+} s for {kept_s:.1f} s"


def no_descriptors(target: Target) -> str:
    """A service may open neither files nor connections."""
    one, kept_s = target.service(), target.rng.uniform(0.5, 3.0)
    if no_limits():
        return f"left out: {no_limits()}"
    with without_descriptors(one.process.pid):
        pause(kept_s)
    return f"{one.log.stem} for {kept_s:.1f} s"


Fault = Callable[[Target], str]
CATALOGUE: Final[tuple[Fault, ...]] = (
    kill_producer, kill_consumer, kill_everything, hold_service, kill_broker, hold_broker, kill_registry,
    producer_dies_at_a_point, consumer_dies_at_a_point, disk_fails, full_disk, slow_disk, slow_network, cut_network,
    partition_network, black_hole, hold_end_txn, cut_end_txn, hold_offset_commit, damage_ledger,
    replica_comes_or_goes, foreign_writer, clock_jumps, no_descriptors,
)  # fmt: skip


def _killed(one: ServiceProcess) -> str:
    one.kill()
    one.restart(fault_points=None)
    return one.log.stem


def _dies_at(target: Target, one: ServiceProcess, service: str, points: tuple[str, ...]) -> str:
    point, count = target.rng.choice(points), target.rng.randrange(1, 8)
    one.kill()
    one.restart(fault_points=f"{service}.{point}=kill@{count}")
    return f"{service}.{point}, time {count}, {_end_of(one)}"


def _end_of(one: ServiceProcess) -> str:
    """Wait for an end that a fault point makes, and start again without it."""
    try:
        eventually(lambda: not one.lives, POINT_S, "the fault point is reached")
        what = f"ended with {one.process.returncode}"
    except NotInTimeError:
        one.kill()
        what = "not reached, killed"
    one.restart(fault_points=None)
    return what


def _damage(rng: random.Random, path: Path, files: list[Path], how: str) -> None:
    data = bytearray(path.read_bytes())
    match how:
        case "torn":
            files[-1].write_bytes(files[-1].read_bytes()[: -rng.randrange(1, 200)])
        case "zeros":
            files[-1].write_bytes(files[-1].read_bytes() + bytes(rng.randrange(1, 2000)))
        case "flipped" if data:
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            path.write_bytes(data)
        case "lost segment":
            path.unlink()
        case _:
            for each in files:
                each.unlink()
