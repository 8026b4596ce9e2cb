"""Named places in the services where a test makes them die, stop, wait or fail.

``TALLY_FAULT_POINTS`` holds a plan, its entries separated by commas: ``NAME=ACTION`` or ``NAME=ACTION@COUNT``.

    kill          SIGKILL to the process itself
    stop          SIGSTOP to the process itself, until somebody sends SIGCONT
    delay:MS      wait so many milliseconds
    error:ERRNO   raise OSError as the system would, ``error:ENOSPC``; only where the catalogue says so

With ``@3`` it happens at the third time only; with ``@3+`` from the third time on. Without, every time.

Theory of operation. `arm` is called once, before the modules with points are imported; a module binds its points when
it is imported, by `point`, to what the plan says or to a function that does nothing. So a point that is off costs a
call of an empty function, and a plan that is armed too late is a broken invariant instead of a test that tests nothing.
"""

import errno
import os
import re
import signal
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from time import sleep
from types import MappingProxyType
from typing import Final, Literal

from tally.base.settings import SettingsError

Point = Callable[[], None]
Action = Literal["kill", "stop", "delay", "error"]

VARIABLE: Final = "TALLY_FAULT_POINTS"
DELAY_MS_MAX: Final = 600_000

CATALOGUE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "producer.before_init": "a lane has a new Kafka client and is about to call init_transactions",
        "producer.after_init": "init_transactions has returned; earlier transactions of the id are ended",
        "producer.after_begin": "a transaction was begun, nothing is produced",
        "producer.after_produce": "every record of the batch is delivered, the commit was not called",
        "producer.before_commit": "the commit is about to be called for the first time",
        "producer.commit_unanswered": "the commit left, and its answer did not come within a slice of time",
        "producer.after_commit": "the commit has returned, no call is answered",
        "producer.before_abort": "an abort is about to be called",
        "producer.after_abort": "an abort has returned",
        "consumer.after_fetch": "records were fetched, the topic's id was not asked for",
        "consumer.before_append": "blocks are ready, nothing is written",
        "consumer.before_fsync": "a block is written and not fsynced",
        "consumer.after_fsync": "a block is fsynced; index, snapshot and commit do not know of it",
        "consumer.before_commit": "all blocks of the round are fsynced and published, the commit was not sent",
        "consumer.after_commit": "the answer of a commit came",
        "consumer.segment_before_write": "a new segment begins: its temporary file is created and empty",
        "consumer.segment_before_fsync": "the header of the new segment is written and not fsynced",
        "consumer.segment_before_rename": "the new segment is fsynced under its temporary name",
        "consumer.segment_before_dir_fsync": "the new segment has its name, the directory is not fsynced",
        "consumer.segment_after_dir_fsync": "the new segment and its name are on the disk, no block is in it",
        "consumer.disk_write": "a write to a ledger file is about to be made (takes error:ERRNO)",
        "consumer.disk_fsync": "an fsync of a ledger file is about to be made (takes error:ERRNO)",
        "consumer.disk_rename": "a rename in a ledger's folder is about to be made (takes error:ERRNO)",
        "consumer.disk_dir_fsync": "an fsync of a folder is about to be made (takes error:ERRNO)",
        "consumer.letters_before_commit": "dead letters and their offset are in a transaction, not committed",
        "consumer.letters_after_commit": "the transaction of dead letters is committed, the consumer does not know it",
    }
)
"""Every point and the moment it stands for."""

TAKES_ERROR: Final = frozenset(name for name in CATALOGUE if name.startswith("consumer.disk_"))

_ENTRY: Final = re.compile(
    r"(?P<name>[^=@]+)=(?P<action>[a-z]+)(?::(?P<value>\w+))?(?:@(?P<count>[1-9]\d{0,8})(?P<on>\+?))?"
)


class FaultPointsError(SettingsError):
    """The plan cannot be read; the message names the entry and what is allowed."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens at a point: ``value`` is milliseconds or an errno; of each pass when ``first`` is 0."""

    name: str
    action: Action
    value: int = 0
    first: int = 0
    and_later: bool = False


def parse(plan: str) -> dict[str, Fault]:
    """Return the faults of a plan by the point's name. Raises FaultPointsError."""
    faults: dict[str, Fault] = {}
    for entry in filter(None, (part.strip() for part in plan.split(","))):
        fault = _fault(entry)
        if fault.name in faults:
            raise FaultPointsError(f"{VARIABLE}: {fault.name!r} appears twice; name each point once")
        faults[fault.name] = fault
    return faults


def _fault(entry: str) -> Fault:
    found = _ENTRY.fullmatch(entry)
    if found is None:
        raise FaultPointsError(f"{VARIABLE}: {entry!r} is not NAME=ACTION or NAME=ACTION@COUNT, e.g. a.point=kill@3")
    name, action = found["name"], found["action"]
    if name not in CATALOGUE:
        raise FaultPointsError(f"{VARIABLE}: there is no point {name!r}; allowed are {', '.join(CATALOGUE)}")
    count, and_later = int(found["count"] or 0), bool(found["on"])
    value = found["value"]
    match action:
        case "kill" | "stop" if value is None:
            return Fault(name, action, 0, count, and_later)
        case "delay" if value is not None and value.isdecimal() and int(value) <= DELAY_MS_MAX:
            return Fault(name, "delay", int(value), count, and_later)
        case "error" if value is not None and hasattr(errno, value):
            if name not in TAKES_ERROR:
                raise FaultPointsError(
                    f"{VARIABLE}: {name!r} cannot raise an error; allowed at {', '.join(sorted(TAKES_ERROR))}"
                )
            return Fault(name, "error", getattr(errno, value), count, and_later)
    raise FaultPointsError(
        f"{VARIABLE}: the action in {entry!r} is not one of kill, stop, delay:MS (at most {DELAY_MS_MAX}), error:ERRNO "
        f"(a name such as ENOSPC)"
    )


class ArmedPoint:
    """A point that is on. Any thread may pass it; passes are counted over all of them."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault
        self._lock = threading.Lock()
        self._passes = 0

    def __call__(self) -> None:
        """Pass the point."""
        fault = self._fault
        with self._lock:
            self._passes += 1
            passes = self._passes
        if fault.first and passes != fault.first and not (fault.and_later and passes > fault.first):
            return
        match fault.action:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            case "stop":
                # To this thread: one to the process stops it by way of any thread, while this one goes on.
                signal.pthread_kill(threading.get_ident(), signal.SIGSTOP)
            case "delay":
                sleep(fault.value / 1000)
            case "error":
                raise OSError(fault.value, f"{os.strerror(fault.value)} (fault point {fault.name})")


class FaultPoints:
    """The points of a process; `arm` and `point` below are those of this one."""

    def __init__(self) -> None:
        """Nothing is armed, nothing is bound."""
        self._faults: dict[str, Fault] = {}
        self._bound: set[str] = set()

    def arm(self, plan: str) -> list[str]:
        """Take the plan and return the names it turns on. Raises FaultPointsError."""
        faults = parse(plan)
        late = sorted(faults.keys() & self._bound)
        assert not late, f"these points were bound before the plan was known: {late}"
        self._faults = faults
        return list(faults)

    def point(self, name: str) -> Point:
        """Return the function to call at a point; each name is bound in one place."""
        assert name in CATALOGUE, f"{name} is not in the catalogue"
        self._bound.add(name)
        fault = self._faults.get(name)
        return _nothing if fault is None else ArmedPoint(fault)


def _nothing() -> None:
    """Pass a point that is off."""


_PROCESS: Final = FaultPoints()
arm: Final = _PROCESS.arm
point: Final = _PROCESS.point
