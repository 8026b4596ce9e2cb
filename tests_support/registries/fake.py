"""A schema registry in memory, as far as publishing needs one: an ``httpx.MockTransport`` handler."""

import json
from typing import Any
from urllib.parse import unquote

import httpx


class FakeRegistry:
    """Subjects with their texts, levels, and reasons to refuse a registration."""

    def __init__(self) -> None:
        self.subjects: dict[str, list[str]] = {}
        self.levels: dict[str, str] = {}
        self.references: dict[str, list[Any]] = {}
        self.versioned: dict[tuple[str, int], list[Any]] = {}  # references of a version, before those of its subject
        self.global_level: str | None = None
        self.lost: set[tuple[str, int]] = set()  # versions that were deleted softly
        self.kinds: dict[str, str] = {}
        self.incompatible = ""
        self.invalid = ""
        self.level_conflicts = 0
        self.modes: dict[str, str] | None = None  # by subject, "" for the registry's own; None knows no modes
        self.contexts: list[str] | None = None
        self.beside: dict[str, dict[str, Any]] = {}  # metadata of all versions of a subject
        self.guids = False
        self.all_versions = True
        self.confused = False  # takes any text of a subject for its first version, as too lax registries do

    def answer(self, request: httpx.Request) -> httpx.Response:
        """Answer as a registry does."""
        path = request.url.raw_path.decode().partition("?")[0]
        parts = [unquote(part) for part in path.strip("/").split("/")]
        body = json.loads(request.content) if request.content else {}
        match [request.method, *parts]:
            case ["GET", "subjects"]:
                return httpx.Response(200, json=list(self.subjects))
            case ["GET", "subjects", subject, "versions"]:
                there = range(1, len(self.subjects.get(subject, [])) + 1)
                return self._known(subject, [number for number in there if (subject, number) not in self.lost])
            case ["POST", "subjects", subject, "versions"]:
                return self._register(subject, body)
            case ["GET", "subjects", subject, "versions", version]:
                return self._version(subject, version, deleted="deleted=true" in str(request.url))
            case ["DELETE", "subjects", subject]:
                return httpx.Response(200, json=[1]) if self.subjects.pop(subject, None) else _error(404, 40401, "none")
            case ["POST", "compatibility", "subjects", subject, "versions", *_] if self.all_versions or parts[4:]:
                words = [self.incompatible] if self.incompatible else []
                return httpx.Response(200, json={"is_compatible": not words, "messages": words})
            case ["POST", "subjects", subject]:
                return self._lookup(subject, body)
            case ["GET", "config", subject]:
                level = self.levels.get(subject)
                return httpx.Response(200, json={"compatibilityLevel": level}) if level else _error(404, 40408, "unset")
            case ["PUT", "config", subject] if self.level_conflicts:
                self.level_conflicts -= 1
                return _error(409, 409, "A rule named 'COMPATIBILITY' already exists.")
            case ["PUT", "config", subject]:
                self.levels[subject] = body["compatibility"]
                return httpx.Response(200, json=body)
            case ["DELETE", "config", subject]:
                return httpx.Response(200, json=self.levels.pop(subject, None))
            case ["GET", "config"] if self.global_level is not None:
                return httpx.Response(200, json={"compatibilityLevel": self.global_level})
            case ["GET", "contexts"] if self.contexts is not None:
                return httpx.Response(200, json=self.contexts)
            case ["GET", "contexts", *_] if self.contexts is not None:
                return httpx.Response(200, json=[])
            case ["GET", "schemas", "guids", _] if self.guids:
                return _error(404, 40403, "no such schema")
            case ["GET", "mode", *subject] if self.modes is not None:
                mode = self.modes.get("".join(subject), self.modes.get("", "READWRITE"))
                return httpx.Response(200, json={"mode": mode})
            case (
                ["GET", "contexts" | "mode" | "config", *_]
                | ["GET", "schemas", "guids", _]
                | ["POST", "compatibility", *_]
            ):
                return httpx.Response(404, json="Not Found")  # as Karapace says that it has no such call
        raise AssertionError(f"{request.method} {request.url} is not faked")

    def _version(self, subject: str, version: str, *, deleted: bool = False) -> httpx.Response:
        texts = self.subjects.get(subject, [])
        number = len(texts) if version == "latest" else int(version)
        if not 1 <= number <= len(texts) or ((subject, number) in self.lost and not deleted):
            return _error(404, 40402, "no such version")
        found: dict[str, Any] = {"subject": subject, "version": number, "id": number, "schema": texts[number - 1]}
        if subject in self.kinds:
            found["schemaType"] = self.kinds[subject]
        return httpx.Response(
            200, json=found | self.beside.get(subject, {}) | {"references": self._references(subject, number)}
        )

    def _references(self, subject: str, version: int) -> list[Any]:
        return self.versioned.get((subject, version), self.references.get(subject, []))

    def _known(self, subject: str, answer: Any) -> httpx.Response:
        return httpx.Response(200, json=answer) if subject in self.subjects else _error(404, 40401, "no such subject")

    def _register(self, subject: str, body: dict[str, Any]) -> httpx.Response:
        if self.invalid:
            return _error(422, 42201, self.invalid)
        if self.incompatible:
            return _error(409, 409, self.incompatible)
        texts = self.subjects.setdefault(subject, [])
        wanted = body.get("references", [])
        if not self._same(subject, body):
            texts.append(body["schema"])
            self.versioned[subject, len(texts)] = wanted
            if body.get("schemaType"):
                self.kinds[subject] = body["schemaType"]
        self.references[subject] = wanted
        given: dict[str, Any] = {name: body[name] for name in ("metadata", "ruleSet") if name in body}
        if given:
            self.beside[subject] = given
        return httpx.Response(200, json={"id": hash(body["schema"]) % 1000})

    def _lookup(self, subject: str, body: dict[str, Any]) -> httpx.Response:
        texts = self.subjects.get(subject, [])
        if self.confused and texts:
            return httpx.Response(200, json={"id": 1, "version": 1, "schema": texts[0], "subject": subject})
        version = self._same(subject, body)
        if not version or subject in self.beside:  # metadata makes it another schema
            return _error(404, 40403 if texts else 40401, "not found")
        return httpx.Response(200, json={"id": 1, "version": version, "schema": body["schema"], "subject": subject})

    def _same(self, subject: str, body: dict[str, Any]) -> int:
        """Return the newest version with that text, whatever its blanks, and those references; 0 without one."""
        wanted, texts = body.get("references", []), self.subjects.get(subject, [])
        same = (
            version
            for version in range(len(texts), 0, -1)
            if _form(texts[version - 1]) == _form(body["schema"]) and self._references(subject, version) == wanted
        )
        return next(same, 0)


def _form(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _error(status: int, code: int, message: str) -> httpx.Response:
    return httpx.Response(status, json={"error_code": code, "message": message})
