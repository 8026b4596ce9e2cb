"""Makes a registry and Kafka be as the contracts say: read, plan, act, read again.

Each action is idempotent and the plan is made from what is there, so a run that was killed is completed by the next
one. All waiting shares one deadline.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

from codegen import registry_admin
from codegen.errors import CodegenError, DriftError, UnreachableError
from codegen.kafka_admin import KafkaAdmin, KafkaNotReady
from codegen.plan import (
    AlterTopic,
    Change,
    CreateTopic,
    Found,
    Register,
    SetLevel,
    Wanted,
    WantedSubject,
    line,
    pending,
    plan,
)
from common.registry_http import (
    Clock,
    RegistryError,
    RegistryHttp,
    RegistryRefused,
    RegistryUnreachable,
)

_RETRY_S: Final = 0.25
_PROGRESS_S: Final = 5.0
_PROBE_TIMEOUT_S: Final = 3.0

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome:
    """What a publication did: the plan it carried out; nothing is pending in it when everything was right before."""

    changes: tuple[Change, ...]

    @property
    def pending(self) -> int:
        """The number of changes that had something to do."""
        return len(pending(self.changes))


class Publisher:
    """Publishes to one registry and one Kafka. ``say`` gets a line of progress at a time."""

    def __init__(
        self, http: RegistryHttp, kafka: KafkaAdmin, clock: Clock, timeout_s: float, say: Callable[[str], None]
    ) -> None:
        self._http = http
        self._kafka = kafka
        self._clock = clock
        self._timeout_s = timeout_s
        self._deadline = clock.monotonic() + timeout_s
        self._say = say

    def publish(self, wanted: Wanted, *, dry_run: bool = False) -> Outcome:
        """Carry the plan out and verify it. Raises CodegenError.

        The order: 1. wait for both, 2. read and plan, 3. stop before anything when a change is blocked, 4. act,
        5. read and plan again until nothing is pending.
        """
        self._wait("the registry", self._registry_answers)
        self._wait("Kafka", lambda: self._kafka.brokers(_PROBE_TIMEOUT_S))
        changes = self._plan(wanted)
        for change in changes:
            self._say(line(change))
        blocking = [change for change in changes if change.blocking]
        if blocking:
            raise DriftError("; ".join(f"{change.name} {change.sentence}" for change in blocking))
        if pending(changes) and not dry_run:
            for change in pending(changes):
                self._act(change, wanted)
            self._verify(wanted)
        return Outcome(changes)

    def _registry_answers(self) -> None:
        self._http.request("GET", "subjects")

    def _plan(self, wanted: Wanted) -> tuple[Change, ...]:
        return plan(wanted, self._wait("the registry or Kafka", lambda: self._read(wanted)))

    def _read(self, wanted: Wanted) -> Found:
        brokers = self._kafka.brokers(_PROBE_TIMEOUT_S)
        topics = self._kafka.read([topic.name for topic in wanted.topics]) if wanted.topics else {}
        return Found(registry_admin.read_subjects(self._http, wanted.subjects), topics, brokers)

    def _act(self, change: Change, wanted: Wanted) -> None:
        for action in change.actions:
            match action:
                case SetLevel():
                    self._wait("the registry", partial(registry_admin.set_level, self._http, action))
                case Register(subject):
                    self._wait("the registry", partial(self._register, subject, wanted))
                case CreateTopic():
                    self._wait("Kafka", partial(self._kafka.create, action))
                case AlterTopic():
                    self._wait("Kafka", partial(self._kafka.alter, action))

    def _register(self, subject: WantedSubject, wanted: Wanted) -> None:
        """Register with the versions that the references have now: this very run may have made them."""
        others = [other for other in wanted.subjects if subject.references and other.kind == subject.kind]
        registry_admin.register(self._http, subject, registry_admin.read_subjects(self._http, others))

    def _verify(self, wanted: Wanted) -> None:
        """Read until nothing is pending; brokers learn of a new topic a moment after it is created."""
        while left := pending(self._plan(wanted)):
            if self._clock.monotonic() >= self._deadline:
                lines = "; ".join(f"{change.name}: {change.sentence}" for change in left)
                raise DriftError(f"was carried out, and yet is not so after {self._timeout_s:g} s: {lines}")
            self._clock.sleep(_RETRY_S)

    def _wait(self, what: str, attempt: Callable[[], T]) -> T:
        """Return what ``attempt`` returns, repeated while ``what`` is not there and the deadline is not over."""
        said_at = self._clock.monotonic()
        while True:
            try:
                return attempt()
            except (RegistryUnreachable, KafkaNotReady) as error:
                problem = str(error)
            except RegistryRefused as error:
                raise CodegenError(str(error)) from error
            except RegistryError as error:
                raise UnreachableError(str(error)) from error
            now = self._clock.monotonic()
            if now >= self._deadline:
                raise UnreachableError(f"gave up waiting for {what} after {self._timeout_s:g} s: {problem}")
            if now - said_at >= _PROGRESS_S:
                said_at = now
                self._say(f"waiting for {what}, {self._deadline - now:.0f} s more at most: {problem}")
            self._clock.sleep(_RETRY_S)
