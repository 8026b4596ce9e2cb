"""Makes a registry and Kafka be as the contracts say: read, plan, act, read again.

Each action is idempotent and the plan is made from what is there, so a run that was killed is completed by the next
one. All waiting shares one deadline.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, TypeVar

from codegen import registry_admin
from codegen.capabilities import NOTHING_TOLD, Asked, Capabilities
from codegen.errors import BreakingError, CodegenError, DriftError, UnreachableError
from codegen.judge import OldVersion, objections, same_meaning
from codegen.kafka_admin import KafkaAdmin, KafkaNotReady
from codegen.plan import line, pending, plan
from codegen.plan_file import PlanFile, moved
from codegen.plan_terms import (
    AlterTopic,
    Change,
    CreateTopic,
    DeleteSubject,
    Found,
    FoundSubject,
    Opinions,
    Register,
    SetLevel,
    Wanted,
    WantedSubject,
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
NOTHING: Final[Mapping[str, Sequence[OldVersion]]] = {}
NO_REASONS: Final[Mapping[str, str]] = {}


@dataclass(frozen=True)
class Outcome:
    """What a publication did: the plan it carried out; nothing is pending in it when everything was right before."""

    changes: tuple[Change, ...]

    @property
    def pending(self) -> int:
        """The number of changes that had something to do."""
        return len(pending(self.changes))


@dataclass(frozen=True)
class Survey:
    """What was found, and what speaks against the changes."""

    wanted: Wanted
    found: Found
    opinions: Opinions
    registry: Capabilities = NOTHING_TOLD

    @property
    def changes(self) -> tuple[Change, ...]:
        """The plan."""
        return plan(self.wanted, self.found, self.opinions)


class Publisher:
    """Publishes to one registry and one Kafka. ``say`` gets a line of progress at a time.

    ``kafka`` None leaves the topics alone. ``against`` are versions that others may have beside the registry's, oldest
    first, by subject.
    """

    def __init__(
        self,
        http: RegistryHttp,
        kafka: KafkaAdmin | None,
        clock: Clock,
        timeout_s: float,
        say: Callable[[str], None],
        *,
        against: Mapping[str, Sequence[OldVersion]] = NOTHING,
    ) -> None:
        self._http = http
        self._can = Asked(http)
        self._kafka = kafka
        self._clock = clock
        self._timeout_s = timeout_s
        self._deadline = clock.monotonic() + timeout_s
        self._say = say
        self._against = against

    def publish(
        self, wanted: Wanted, *, dry_run: bool = False, allowed: Mapping[str, str] = NO_REASONS, prune_prefix: str = ""
    ) -> Outcome:
        """Plan and carry out at once. Raises CodegenError.

        The order: 1. wait for both, 2. read and plan, 3. stop before anything when a change is blocked, 4. act,
        5. read and plan again until nothing is pending.
        """
        survey = self.survey(wanted, prune_prefix)
        changes = plan(survey.wanted, survey.found, replace(survey.opinions, allowed=allowed))
        for change in changes:
            self._say(line(change))
        stop_if_blocked(changes)
        if not dry_run:
            self._carry_out(changes, survey.wanted)
        return Outcome(changes)

    def survey(self, wanted: Wanted, prune_prefix: str = "") -> Survey:
        """Wait for both, read what is there and judge what would be new; changes nothing. Raises CodegenError."""
        self._wait("the registry", lambda: self._http.request("GET", "subjects"))
        if self._kafka is None:
            wanted = replace(wanted, topics=())
        else:
            kafka = self._kafka
            self._wait("Kafka", lambda: kafka.brokers(_PROBE_TIMEOUT_S))
        return self._wait("the registry or Kafka", lambda: self._survey(wanted, prune_prefix))

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
        gone = tuple(name for name in planned.unwanted if name in present)
        opinions = Opinions(planned.objections, allowed, gone)
        found = self._wait("the registry", partial(self._with_modes, survey.found, gone))
        remaining = plan(planned.wanted, found, opinions)
        for change in remaining:
            self._say(line(change))
        stop_if_blocked(remaining)
        self._carry_out(remaining, planned.wanted)
        return Outcome(remaining)

    def found(self, wanted: Wanted) -> Found:
        """Read what is there now. Raises CodegenError."""
        return self._wait("the registry or Kafka", lambda: self._read(wanted))

    def _carry_out(self, changes: tuple[Change, ...], wanted: Wanted) -> None:
        if pending(changes):
            for change in pending(changes):
                self._act(change, wanted)
            self._verify(wanted)

    def _survey(self, wanted: Wanted, prune_prefix: str) -> Survey:
        found = self._read(wanted)
        against: dict[str, tuple[str, ...]] = {}
        subjects = dict(found.subjects)
        for subject in wanted.subjects:
            known = found.subjects.get(subject.subject, FoundSubject())
            if known.matching_version is not None or not subject.owned:
                continue
            history = registry_admin.read_history(self._http, subject.subject, known.versions)
            if history and same_meaning(subject, history[-1]):
                subjects[subject.subject] = replace(known, docs_only=True)
            elif said := self._objections(subject, known, history, found):
                against[subject.subject] = said
        unwanted: tuple[str, ...] = ()
        if prune_prefix:
            names = {subject.subject for subject in wanted.subjects}
            all_names = registry_admin.list_subjects(self._http)
            unwanted = tuple(name for name in all_names if name.startswith(prune_prefix) and name not in names)
        unready = [subject.subject for subject in wanted.subjects if not _settled(subject, found)]
        modal = self._with_modes(replace(found, subjects=subjects), [*unready, *unwanted])
        return Survey(wanted, modal, Opinions(against, {}, unwanted), self._can())

    def _with_modes(self, found: Found, names: Iterable[str]) -> Found:
        """Return what was found with the modes of subjects that are to be changed; some registries have none."""
        subjects, can = dict(found.subjects), self._can()
        for name in names if can.modes else ():
            mode = registry_admin.mode_of(self._http, name, can.mode)
            subjects[name] = replace(subjects.get(name, FoundSubject()), mode=mode)
        return replace(found, subjects=subjects)

    def _objections(
        self, wanted: WantedSubject, known: FoundSubject, history: Sequence[OldVersion], found: Found
    ) -> tuple[str, ...]:
        """Return the union of verdicts: any objection blocks."""
        new_name = f"v{max(known.versions, default=0) + 1}"
        said = [*objections(wanted, history, new_name)]
        if against := self._against.get(wanted.subject):
            said += [sentence for sentence in objections(wanted, against, new_name) if sentence not in said]
        if (
            known.versions and known.level == wanted.level
        ):  # under another level its answer would be to another question
            theirs = registry_admin.registry_objection(self._http, wanted, found.subjects)
            said += [theirs] if theirs is not None else []
        return tuple(said)

    def _plan(self, wanted: Wanted) -> tuple[Change, ...]:
        return plan(wanted, self._wait("the registry or Kafka", lambda: self._read(wanted)))

    def _read(self, wanted: Wanted) -> Found:
        subjects = registry_admin.read_subjects(self._http, wanted.subjects)
        if self._kafka is None:
            return Found(subjects, {}, 0)
        brokers = self._kafka.brokers(_PROBE_TIMEOUT_S)
        topics = self._kafka.read([topic.name for topic in wanted.topics]) if wanted.topics else {}
        return Found(subjects, topics, brokers)

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


def _settled(wanted: WantedSubject, found: Found) -> bool:
    """Tell whether a subject is as it is wanted, so that nothing will be done to it."""
    known = found.subjects.get(wanted.subject, FoundSubject())
    return known.matching_version is not None and wanted.level in {None, known.level}


def stop_if_blocked(changes: Sequence[Change]) -> None:
    """Raise BreakingError or DriftError when a change must not be made, before any is."""
    breaking = [change for change in changes if change.blocking and change.objections]
    if breaking:
        sentences = [f"{change.name}: {said}" for change in breaking for said in change.objections]
        raise BreakingError("nothing was changed; these are breaking:\n  " + "\n  ".join(sentences))
    blocking = [change for change in changes if change.blocking]
    if blocking:
        raise DriftError("; ".join(f"{change.name} {change.sentence}" for change in blocking))
