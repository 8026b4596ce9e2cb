"""Brings a registry and Kafka in line with the contracts: read, plan, act, read again.

Each action is idempotent and the plan is made from what is there, so a run that was killed is completed by the next
one. All waiting shares one deadline.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

from codegen.errors import BreakingError, CodegenError, DriftError, UnreachableError
from codegen.plan.changes import line, pending, plan
from codegen.plan.file import PlanFile, moved
from codegen.plan.terms import (
    AlterTopic,
    Change,
    CreateTopic,
    DeleteSubject,
    Found,
    Register,
    SetLevel,
    Wanted,
    WantedSubject,
)
from codegen.plan.was import NOTHING, Was
from codegen.remote import registry_admin
from codegen.remote.kafka_admin import KafkaAdmin, KafkaNotReady
from codegen.remote.surveyor import PROBE_TIMEOUT_S, Survey, Surveyor
from tally.registry.errors import RegistryError, RegistryRefused, RegistryUnreachable
from tally.registry.http import Clock, RegistryHttp

_RETRY_S: Final = 0.25
_PROGRESS_S: Final = 5.0

T = TypeVar("T")
NO_REASONS: Final[Mapping[str, str]] = {}


@dataclass(frozen=True)
class Outcome:
    """What a publication did: the plan it carried out; nothing is pending in it when everything was right before."""

    changes: tuple[Change, ...]

    @property
    def pending(self) -> int:
        """The number of changes that had something to do."""
        return len(pending(self.changes))


class Publisher:
    """Publishes to one registry and one Kafka. ``say`` gets a line of progress at a time.

    ``kafka`` None leaves the topics alone. ``remembered`` is what the lock says that there was, and ``against`` what
    others may have beside the registry's versions.
    """

    def __init__(
        self,
        http: RegistryHttp,
        kafka: KafkaAdmin | None,
        clock: Clock,
        timeout_s: float,
        say: Callable[[str], None],
        *,
        remembered: Was = NOTHING,
        against: Was = NOTHING,
    ) -> None:
        self._http = http
        self._surveyor = Surveyor(http, kafka, remembered, against)
        self._kafka = kafka
        self._clock = clock
        self._timeout_s = timeout_s
        self._deadline = clock.monotonic() + timeout_s
        self._say = say

    def publish(
        self, wanted: Wanted, *, dry_run: bool = False, allowed: Mapping[str, str] = NO_REASONS, prune_prefix: str = ""
    ) -> Outcome:
        """Plan and carry out at once. Raises CodegenError.

        The order: 1. wait for both, 2. read and plan, 3. stop before anything when a change is blocked, 4. act,
        5. read and plan again until nothing is pending.
        """
        survey = self.survey(wanted, prune_prefix or None)
        changes = plan(survey.wanted, survey.found, replace(survey.opinions, allowed=allowed))
        for change in changes:
            self._say(line(change))
        stop_if_blocked(changes)
        if not dry_run:
            self._carry_out(changes, survey.wanted)
        return Outcome(changes)

    def survey(self, wanted: Wanted, prefix: str | None = None) -> Survey:
        """Wait for both, read what is there and judge what would be new; changes nothing. Raises CodegenError."""
        self._wait("the registry", lambda: self._http.request("GET", "subjects"))
        if self._kafka is None:
            wanted = replace(wanted, topics=())
        else:
            kafka = self._kafka
            self._wait("Kafka", lambda: kafka.brokers(PROBE_TIMEOUT_S))
        return self._wait("the registry or Kafka", lambda: self._surveyor.survey(wanted, prefix))

    def apply(self, planned: PlanFile, *, allowed: Mapping[str, str] = NO_REASONS) -> Outcome:
        """Carry out a plan that was made before, exactly. Raises CodegenError.

        The order: 1. stop when it is blocked, 2. wait for both and read, 3. stop when somebody else changed something
        since, 4. act, 5. read until nothing is pending. What a killed run of the same plan did is not done again.
        """
        changes = planned.plan(allowed)
        stop_if_blocked(changes)
        survey = self.survey(planned.wanted)
        others = moved(planned, survey.found, changes)
        if others:
            raise DriftError("something changed since the plan was made; plan again:\n  " + "\n  ".join(others))
        present = self._wait("the registry", partial(registry_admin.list_subjects, self._http))
        gone = tuple(name for name in planned.opinions.unwanted if name in present)
        opinions = replace(planned.opinions, allowed=allowed, unwanted=gone)
        found = self._wait("the registry", partial(self._surveyor.with_modes, survey.found, gone))
        remaining = plan(planned.wanted, found, opinions)
        for change in remaining:
            self._say(line(change))
        stop_if_blocked(remaining)
        self._carry_out(remaining, planned.wanted)
        return Outcome(remaining)

    def found(self, wanted: Wanted) -> Found:
        """Read what is there now. Raises CodegenError."""
        return self._wait("the registry or Kafka", lambda: self._surveyor.read(wanted))

    def _carry_out(self, changes: tuple[Change, ...], wanted: Wanted) -> None:
        if pending(changes):
            for change in pending(changes):
                self._act(change, wanted)
            self._verify(wanted)

    def _act(self, change: Change, wanted: Wanted) -> None:
        for action in change.actions:
            match action:
                case SetLevel():
                    self._wait("the registry", partial(registry_admin.set_level, self._http, action))
                case Register(subject):
                    self._wait("the registry", partial(self._register, subject, wanted))
                case DeleteSubject(subject_name):
                    self._wait("the registry", partial(registry_admin.delete, self._http, subject_name))
                case CreateTopic():
                    assert self._kafka is not None, "without Kafka no topic is planned"
                    self._wait("Kafka", partial(self._kafka.create, action))
                case AlterTopic():
                    assert self._kafka is not None, "without Kafka no topic is planned"
                    self._wait("Kafka", partial(self._kafka.alter, action))

    def _register(self, subject: WantedSubject, wanted: Wanted) -> None:
        """Register with the versions that the references have now: this very run may have made them."""
        needed = {subject.subject}
        for other in reversed(wanted.subjects):  # each comes after what it refers to
            if other.subject in needed:
                needed |= {each.subject for each in other.references}
        others = [other for other in wanted.subjects if other.subject in needed - {subject.subject}]
        registry_admin.register(self._http, subject, registry_admin.read_subjects(self._http, others))

    def _verify(self, wanted: Wanted) -> None:
        """Read until nothing is pending; brokers learn of a new topic a moment after it is created."""
        while left := pending(plan(wanted, self.found(wanted))):
            if self._clock.monotonic() >= self._deadline:
                lines = "; ".join(f"{change.name}: {change.sentence}" for change in left)
                raise DriftError(f"was carried out, but did not take effect within {self._timeout_s:g} s: {lines}")
            self._clock.sleep(_RETRY_S)

    def _wait(self, what: str, attempt: Callable[[], T]) -> T:
        """Return what ``attempt`` returns, repeated while ``what`` is not there and the deadline is not over."""
        said_at = self._clock.monotonic()
        while True:
            try:
                return attempt()
            except RegistryUnreachable as error:
                problem, kind = str(error), error.kind
            except KafkaNotReady as error:
                problem, kind = str(error), "no-connection"
            except RegistryRefused as error:
                raise CodegenError(str(error)) from error
            except RegistryError as error:
                raise UnreachableError(str(error), error.kind) from error
            now = self._clock.monotonic()
            if now >= self._deadline:
                raise UnreachableError(f"gave up waiting for {what} after {self._timeout_s:g} s: {problem}", kind)
            if now - said_at >= _PROGRESS_S:
                said_at = now
                self._say(f"waiting for {what}, {self._deadline - now:.0f} s more at most: {problem}")
            self._clock.sleep(_RETRY_S)


def stop_if_blocked(changes: Sequence[Change]) -> None:
    """Raise BreakingError or DriftError when a change must not be made, before any is."""
    breaking = [change for change in changes if change.blocking and change.objections]
    if breaking:
        sentences = [f"{change.name}: {said}" for change in breaking for said in change.objections]
        raise BreakingError("nothing was changed; these are breaking:\n  " + "\n  ".join(sentences))
    blocking = [change for change in changes if change.blocking]
    if blocking:
        raise DriftError("; ".join(f"{change.name} {change.sentence}" for change in blocking))
