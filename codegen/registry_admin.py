"""Reads subjects from a registry and carries out the plan's actions there."""

from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from codegen.errors import BreakingError
from codegen.plan import FoundSubject, SetLevel, WantedSubject
from common.registry import fingerprint_of
from common.registry_http import RegistryAnswerError, RegistryHttp, RegistryRefused

_INCOMPATIBLE = 409


def read_subjects(http: RegistryHttp, wanted: Iterable[WantedSubject]) -> dict[str, FoundSubject]:
    """Return the wanted subjects as the registry has them; missing ones are left out. Raises RegistryError."""
    found: dict[str, FoundSubject] = {}
    for subject in wanted:
        versions = _versions(http, subject.subject)
        level = _level(http, subject.subject)
        if versions or level:
            matching = _matching(http, subject, found) if versions else None
            found[subject.subject] = FoundSubject(versions, level, matching)
    return found


def set_level(http: RegistryHttp, action: SetLevel) -> None:
    """Set a subject's own compatibility level. Raises RegistryError."""
    http.request("PUT", f"config/{_quoted(action.subject)}", {"compatibility": action.level})


def register(http: RegistryHttp, wanted: WantedSubject, found: Mapping[str, FoundSubject]) -> None:
    """Register a schema; one that is there already keeps its id. Raises BreakingError and RegistryError."""
    body = _body(wanted, found)
    if body is None:
        raise RegistryAnswerError(
            f"a subject that {wanted.subject} refers to is missing: {', '.join(wanted.references)}"
        )
    try:
        http.request("POST", f"subjects/{_quoted(wanted.subject)}/versions", body)
    except RegistryRefused as error:
        if error.status != _INCOMPATIBLE:
            raise
        raise BreakingError(
            f"subject {wanted.subject}: the registry refuses {wanted.title} as incompatible with the versions it has "
            f"(level {wanted.level or 'global'}). It says: {error.reason}"
        ) from error


def _versions(http: RegistryHttp, subject: str) -> tuple[int, ...]:
    answer = http.request("GET", f"subjects/{_quoted(subject)}/versions", accept=(404,))
    if answer.status == 404:
        return ()
    if not isinstance(answer.body, list) or not all(isinstance(version, int) for version in answer.body):
        raise RegistryAnswerError(f"{http.url} answers the versions of {subject} with something else than numbers")
    return tuple(answer.body)


def _level(http: RegistryHttp, subject: str) -> str | None:
    """Return the level in force. Some registries answer the global one for a subject without its own; so be it."""
    answer = http.request("GET", f"config/{_quoted(subject)}", accept=(404,))
    level = answer.body.get("compatibilityLevel") if isinstance(answer.body, dict) else None
    return level if answer.status != 404 and isinstance(level, str) else None


def _matching(http: RegistryHttp, wanted: WantedSubject, found: Mapping[str, FoundSubject]) -> int | None:
    """Return the version that equals the wanted schema, or None."""
    body = _body(wanted, found)
    if body is None:
        return None
    answer = http.request("POST", f"subjects/{_quoted(wanted.subject)}", body, accept=(404,))
    if answer.status == 404:
        return None
    registered, version = answer.body.get("schema"), answer.body.get("version")
    if not isinstance(registered, str) or not isinstance(version, int):
        raise RegistryAnswerError(f"{http.url} answers a look-up of {wanted.subject} without a schema and a version")
    if wanted.kind == "AVRO" and fingerprint_of(registered) != wanted.fingerprint:
        return None  # the registry takes two schemas for one that do not mean the same
    return version


def _body(wanted: WantedSubject, found: Mapping[str, FoundSubject]) -> dict[str, Any] | None:
    """Return the request that names a schema, or None while a reference is not registered yet."""
    body: dict[str, Any] = {"schema": wanted.text}
    if wanted.kind != "AVRO":
        body["schemaType"] = wanted.kind
    references = []
    for name in wanted.references:
        known = found.get(name)
        if known is None or not known.versions:
            return None
        references.append({"name": name, "subject": name, "version": known.matching_version or max(known.versions)})
    return body | {"references": references} if references else body


def _quoted(subject: str) -> str:
    return quote(subject, safe="")
