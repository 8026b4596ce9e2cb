"""Reads subjects from a registry and carries out the plan's actions there."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from codegen.errors import BreakingError
from codegen.plan.judge import OldVersion
from codegen.plan.terms import FoundSubject, Reference, SetLevel, WantedSubject
from codegen.remote.capabilities import DEFAULT_CONTEXT, context_of_address, split_context
from codegen.remote.registry_text import with_words_in_comments
from tally.base.fingerprint import PRIMITIVES, fingerprint_of
from tally.registry.errors import NoSuchCall, NotRegistered, RegistryAnswerError, RegistryRefused
from tally.registry.http import RegistryHttp

_CONFLICT = 409
WELL_KNOWN: Final = "google/protobuf/"
"""Files that every registry brings itself."""
REFERENCES_MAX: Final = 1000
"""Files that one schema may need, all in all."""


@dataclass(frozen=True)
class Registered:
    """A version of a subject: its number and id there, its type (AVRO, PROTOBUF, JSON), and its text."""

    subject: str
    version: int
    id: int
    kind: str
    text: str
    references: tuple[Reference, ...] = ()


def read_subjects(http: RegistryHttp, wanted: Iterable[WantedSubject]) -> dict[str, FoundSubject]:
    """Return the wanted subjects as the registry has them; missing ones are left out. Raises RegistryError."""
    found: dict[str, FoundSubject] = {}
    to_come: set[str] = set()  # a version of what refers to them comes as well
    for subject in wanted:
        for other in subject.references:
            if other.subject not in found and other.version is None and (there := versions(http, other.subject)):
                found[other.subject] = FoundSubject(there)
        known = versions(http, subject.subject)
        level = level_of(http, subject.subject)
        moves = any(each.version is None and each.subject in to_come for each in subject.references)
        match = _matching(http, subject, found, known) if known and not moves else None
        if match is None and subject.owned:
            to_come.add(subject.subject)
        if known or level:
            version = match["version"] if match else None
            schema_id = match.get("id") if match else None
            beside = tuple(_beside(match)) if match else ()
            found[subject.subject] = FoundSubject(
                known, level, version, schema_id=schema_id, beside=beside, moves=moves
            )
    return found


def read_history(http: RegistryHttp, subject: str, numbers: Iterable[int]) -> tuple[OldVersion, ...]:
    """Return versions of a subject with all they import. Raises RegistryError."""
    found = []
    for version in numbers:
        text, imports = read_version(http, subject, version)
        found.append(OldVersion(f"v{version}", text, tuple(imports.items())))
    return tuple(found)


def read_version(
    http: RegistryHttp, subject: str, version: int | str, context: str = DEFAULT_CONTEXT
) -> tuple[str, dict[str, str]]:
    """Return (text, what it imports by import path) of a version. Raises RegistryError.

    ``context`` is where the registry looks for references without a context of their own.
    """
    imports: dict[str, str] = {}
    text, waiting = _text_of(http, subject, version)
    for name, other, other_version in waiting:  # grows while it is walked
        if name not in imports:
            if context != DEFAULT_CONTEXT and not other.startswith(":."):
                other = f":{context}:{other}"  # noqa: PLW2901 - the same subject by its whole name
            imports[name], more = _text_of(http, other, other_version)
            waiting += more
            if len(waiting) > REFERENCES_MAX:
                raise RegistryAnswerError(f"{http.url}: {subject} refers to more than {REFERENCES_MAX} others")
    return text, imports


def global_level(http: RegistryHttp) -> str | None:
    """Return the level of subjects without one of their own, None where it is not told. Raises RegistryError."""
    try:
        answer = _unless_unknown(http, "GET", "config")
    except NoSuchCall:
        return None
    level = answer.get("compatibilityLevel") if isinstance(answer, dict) else None
    return level if isinstance(level, str) else None


def kind_of(http: RegistryHttp, subject: str, version: str) -> str:
    """Return AVRO, PROTOBUF or JSON; registries leave AVRO out. Raises RegistryError."""
    return str(_version(http, subject, version).get("schemaType") or "AVRO")


def _version(http: RegistryHttp, subject: str, version: int | str) -> dict[str, Any]:
    path = f"subjects/{_quoted(subject)}/versions/{version}"
    try:
        answer = http.request("GET", path)
    except NotRegistered:
        answer = http.request("GET", f"{path}?deleted=true")  # softly, and others may still refer to it
    return answer if isinstance(answer, dict) else {}


def read_registered(http: RegistryHttp, subject: str, version: int | str) -> Registered:
    """Return a version as it stands there, one that was deleted softly, too. Raises RegistryError."""
    answer = _version(http, subject, version)
    text = answer.get("schema")
    if not isinstance(text, str):
        raise RegistryAnswerError(f"{http.url} answers version {version} of {subject} without a schema")
    try:
        references = tuple(
            Reference(str(each["name"]), str(each["subject"]), int(each["version"]))
            for each in answer.get("references") or ()
        )
        number, schema_id = int(answer.get("version", version)), int(answer.get("id", 0))
    except (KeyError, TypeError, ValueError) as error:
        raise RegistryAnswerError(f"{http.url} answers version {version} of {subject} with other references") from error
    kind = str(answer.get("schemaType") or "AVRO")
    text = _as_json(text) if kind == "AVRO" else text
    return Registered(subject, number, schema_id, kind, text, references)


def _as_json(text: str) -> str:
    """Return an Avro text as JSON: some registries hand out a bare ``string``."""
    return json.dumps(text.strip()) if text.strip() in PRIMITIVES else text


def _text_of(http: RegistryHttp, subject: str, version: int | str) -> tuple[str, list[tuple[str, str, int]]]:
    found = read_registered(http, subject, version)
    return found.text, [(each.name, each.subject, each.version or 0) for each in found.references]


def registry_objection(http: RegistryHttp, wanted: WantedSubject, found: Mapping[str, FoundSubject]) -> str | None:
    """Return the registry's own words against a new version under the level it has, or None. Raises RegistryError.

    A registry that cannot answer (no such call, a reference that is not there yet) objects when it is registered.
    """
    body = _body(wanted, found)
    if body is None:
        return None
    known = found[wanted.subject]
    level = known.level or "its global level"
    path = f"compatibility/subjects/{_quoted(wanted.subject)}/versions"
    try:
        try:
            return _objection(http, path, body, f"not compatible under {level}")
        except NoSuchCall:
            # Karapace has no check against all versions; the newest alone would not do where the level looks at all.
            numbers = known.versions if level.endswith("_TRANSITIVE") else known.versions[-1:]
            told = (_objection(http, f"{path}/{n}", body, f"not compatible with version {n}") for n in numbers)
            return next((one for one in told if one is not None), None)
    except (NoSuchCall, RegistryRefused):
        # Apicurio calls a valid Protobuf file with references a syntax violation here, and then takes it.
        return None


def _objection(http: RegistryHttp, path: str, body: Mapping[str, Any], objection: str) -> str | None:
    """Return what a compatibility check objects in its own words; an unknown subject or version has nothing to."""
    answer = _unless_unknown(http, "POST", f"{path}?verbose=true", body)
    if not isinstance(answer, dict) or answer.get("is_compatible", True):
        return None
    messages = answer.get("messages")
    words = "; ".join(str(message) for message in messages) if isinstance(messages, list) else ""
    return f"the registry says: {objection} ({words or 'it gives no reason'})"


def list_subjects(http: RegistryHttp, context: str = "") -> list[str]:
    """Return the names of all subjects; of an address in a context without it, as it takes them. Raises RegistryError.

    Subjects of other contexts have theirs in front: ``:.staging:orders-value``. Some registries list them only when
    their ``context`` is named; those that know none may list all the same.
    """
    answer = http.request("GET", f"subjects?subjectPrefix=:{quote(context, safe='')}:" if context else "subjects")
    if answer is None:
        return []  # a registry in Go may say null for an empty list
    if not isinstance(answer, list):
        raise RegistryAnswerError(f"{http.url} did not answer with a list of subjects")
    here = context_of_address(http.url)
    names = ((*split_context(str(name)), str(name)) for name in answer)
    return sorted(name if of == here else whole for of, name, whole in names)


def mode_of(http: RegistryHttp, subject: str, default: str | None) -> str | None:
    """Return the mode that holds for a subject: its own, or the registry's ``default``. Raises RegistryError."""
    try:
        answer = _unless_unknown(http, "GET", f"mode/{_quoted(subject)}?defaultToGlobal=true")
    except NoSuchCall:
        return default
    mode = answer.get("mode") if isinstance(answer, dict) else None
    return mode if isinstance(mode, str) else default


def delete(http: RegistryHttp, subject: str) -> None:
    """Delete a subject softly: it can still be looked up by id. Raises RegistryError."""
    _unless_unknown(http, "DELETE", f"subjects/{_quoted(subject)}")


def set_level(http: RegistryHttp, action: SetLevel) -> None:
    """Set a subject's own compatibility level, or take it away. Raises RegistryError."""
    if action.level is None:
        _unless_unknown(http, "DELETE", f"config/{_quoted(action.subject)}")
        return
    body = {"compatibility": action.level}
    try:
        http.request("PUT", f"config/{_quoted(action.subject)}", body)
    except RegistryRefused as error:
        if error.status != _CONFLICT:
            raise
        # Apicurio refuses the second of two that set a subject's first level at once; now there is one to change.
        http.request("PUT", f"config/{_quoted(action.subject)}", body)


def register(http: RegistryHttp, wanted: WantedSubject, found: Mapping[str, FoundSubject]) -> None:
    """Register a schema; one that is there already keeps its id. Raises BreakingError and RegistryError."""
    body = _body(wanted, found)
    if body is None:
        names = ", ".join(each.subject for each in wanted.references)
        raise RegistryAnswerError(f"a subject that {wanted.subject} refers to is missing: {names}")
    if known := versions(http, wanted.subject):  # what stands beside the newest stays there
        body |= _beside(_unless_unknown(http, "GET", f"subjects/{_quoted(wanted.subject)}/versions/{max(known)}") or {})
    try:
        http.request("POST", f"subjects/{_quoted(wanted.subject)}/versions", body)
    except RegistryRefused as error:
        if error.status != _CONFLICT:
            raise
        raise BreakingError(
            f"subject {wanted.subject}: the registry refuses {wanted.title} as incompatible with the versions it has "
            f"(level {wanted.level_in_force or 'global'}). It says: {error.reason}"
        ) from error


def versions(http: RegistryHttp, subject: str) -> tuple[int, ...]:
    """Return the versions of a subject, oldest first; none when it is unknown. Raises RegistryError."""
    answer = _unless_unknown(http, "GET", f"subjects/{_quoted(subject)}/versions")
    if answer is None:
        return ()
    if not isinstance(answer, list) or not all(isinstance(version, int) for version in answer):
        raise RegistryAnswerError(f"{http.url} answers the versions of {subject} with something other than numbers")
    return tuple(sorted(answer))


def level_of(http: RegistryHttp, subject: str) -> str | None:
    """Return a subject's level. Some registries answer the global one for a subject without its own; so be it."""
    answer = _unless_unknown(http, "GET", f"config/{_quoted(subject)}")
    level = answer.get("compatibilityLevel") if isinstance(answer, dict) else None
    return level if isinstance(level, str) else None


def _matching(
    http: RegistryHttp, wanted: WantedSubject, found: Mapping[str, FoundSubject], known: tuple[int, ...]
) -> dict[str, Any] | None:
    """Return the registry's answer about what equals the wanted schema, with at least schema and version, or None."""
    body = _body(wanted, found)
    if body is None:
        return None
    answer = _unless_unknown(http, "POST", f"subjects/{_quoted(wanted.subject)}", body)
    found_by_text: dict[str, Any] | None = None
    match answer:
        case {"schema": str(registered), "version": int(version)}:
            # The registry may take two schemas for one that do not mean the same.
            if wanted.kind == "AVRO" and fingerprint_of(registered) != fingerprint_of(wanted.text):
                return None
            found_by_text = dict(answer)
            if version == max(known):
                return found_by_text
        case None:
            pass
        case _:
            raise RegistryAnswerError(f"{http.url} answers a look-up of {wanted.subject} without a schema and version")
    # Metadata beside a schema, or words that a registry keeps, may make it another one for the look-up.
    newest = _unless_unknown(http, "GET", f"subjects/{_quoted(wanted.subject)}/versions/{max(known)}") or {}
    same = newest.get("version") and _same_text(wanted, newest) and _same_references(body, newest)
    return newest if same else found_by_text


def _same_references(body: Mapping[str, Any], registered: Mapping[str, Any]) -> bool:
    """Compare without what every registry brings itself, and without the context: their own goes without saying."""
    ours, theirs = (
        {
            (str(each.get("name")), split_context(str(each.get("subject")))[1], each.get("version"))
            for each in one.get("references") or ()
        }
        for one in (body, registered)
    )
    return all(name.startswith(WELL_KNOWN) for name, _, _ in ours ^ theirs)


def _same_text(wanted: WantedSubject, registered: Mapping[str, Any]) -> bool:
    text = registered.get("schema")
    if wanted.kind != "AVRO":
        return with_words_in_comments(str(text)).strip() == with_words_in_comments(wanted.text).strip()
    try:
        return bool(json.loads(_as_json(str(text))) == json.loads(wanted.text))
    except (ValueError, RecursionError):
        return False


def _beside(version: Mapping[str, Any]) -> dict[str, Any]:
    """Return what somebody put beside a version's schema, without what the registry itself keeps there."""
    given: dict[str, Any] = {name: version[name] for name in ("metadata", "ruleSet") if version.get(name)}
    properties = given.get("metadata", {}).get("properties")
    if isinstance(properties, dict):
        own = {name: value for name, value in properties.items() if not name.startswith("confluent:")}
        given["metadata"] = {name: value for name, value in {**given["metadata"], "properties": own}.items() if value}
    return {name: value for name, value in given.items() if value}


def _body(wanted: WantedSubject, found: Mapping[str, FoundSubject]) -> dict[str, Any] | None:
    """Return the request that names a schema, or None while a reference is not registered yet."""
    body: dict[str, Any] = {"schema": wanted.text}
    if wanted.kind != "AVRO":
        body["schemaType"] = wanted.kind
    references = []
    for each in wanted.references:
        known = found.get(each.subject, FoundSubject())
        version = each.version or known.matching_version or max(known.versions, default=None)
        if version is None:
            return None
        references.append({"name": each.name, "subject": each.subject, "version": version})
    return body | {"references": references} if references else body


def _unless_unknown(http: RegistryHttp, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """Return the answer, or None when the registry says that it does not have what the path names."""
    try:
        return http.request(method, path, body)
    except NotRegistered:
        return None


def _quoted(subject: str) -> str:
    return quote(subject, safe=":")  # a context's colons may stand in a path, and not everybody decodes them
