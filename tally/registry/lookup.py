"""A schema registry as the programs use it: they look up and compare, and never register.

Nothing is kept here, neither a schema nor that the registry does not know one: who asks keeps what it needs.
"""

from typing import Any
from urllib.parse import quote
from uuid import UUID

from tally.base.fingerprint import fingerprint, fingerprint_of
from tally.base.framing import SchemaName, spoken
from tally.base.hints import hint
from tally.registry.errors import NoSuchCall, NotRegistered, RegistryAnswerError, SchemaMismatch, SchemaUnknown
from tally.registry.http import RegistryHttp


class SchemaRegistry(RegistryHttp):
    """One registry. Thread-safe. Blocking: asyncio callers go through ``asyncio.to_thread``."""

    def lookup(self, subject: str, schema_text: str) -> int:
        """Return the id of an Avro schema under a subject, after comparing what the registry has with it.

        Raises SchemaUnknown when it is not registered there, SchemaMismatch when the registry's schema means something
        else, and the other RegistryErrors.
        """
        try:
            answer = self.request("POST", f"subjects/{quote(subject, safe=':')}", {"schema": schema_text})
        except NotRegistered as error:
            raise SchemaUnknown(
                f"the registry {self.url} does not have our schema under {subject} (it says: {error.reason}); publish "
                f"the contracts (`codegen publish`, or `{hint('up')}`)"
            ) from error
        match answer:
            case {"id": int(schema_id), "schema": str(text)}:
                ours, theirs = fingerprint(schema_text), fingerprint_of(text)
            case _:
                raise RegistryAnswerError(f"{self.url} answers a look-up of {subject} without an id and a schema")
        if ours != theirs:
            raise SchemaMismatch(
                f"the registry {self.url} has another schema with id {schema_id} under {subject}: fingerprint "
                f"{theirs[:12]}…, ours is {ours[:12]}…; publish the contracts, or run the version that fits"
            )
        return schema_id

    def schema(self, name: SchemaName) -> str:
        """Return the text of an id, or of a GUID. Raises SchemaUnknown and the other RegistryErrors."""
        return _text(self._of_name(name), f"{self.url} answers schema {spoken(name)}")

    def with_references(self, name: SchemaName | tuple[str, int]) -> tuple[str, list[tuple[str, int]]]:
        """Return the text of an id, a GUID or (subject, version), and each (subject, version) that it refers to.

        Raises SchemaUnknown and the other RegistryErrors.
        """
        if isinstance(name, tuple):
            said = f"{self.url} answers version {name[1]} of {name[0]}"
            answer = self._of_version(*name)
        else:
            said = f"{self.url} answers schema {spoken(name)}"
            answer = self._of_name(name)
        text = _text(answer, said)
        try:
            return text, [(str(each["subject"]), int(each["version"])) for each in answer.get("references") or ()]
        except (KeyError, TypeError, ValueError):
            raise RegistryAnswerError(f"{said} with references that name no subject and version") from None

    def _of_name(self, name: SchemaName) -> Any:
        try:
            return self.request("GET", f"schemas/{'ids' if isinstance(name, int) else 'guids'}/{name}")
        except (NotRegistered, NoSuchCall) as error:
            # Each registry has the call for ids, so another's 404 denies nothing. Apicurio 3.3 has none for GUIDs.
            if isinstance(error, NoSuchCall) and not isinstance(name, UUID):
                raise
            raise SchemaUnknown(f"the registry {self.url} does not know schema {spoken(name)}") from error

    def _of_version(self, subject: str, version: int) -> Any:
        path = f"subjects/{quote(subject, safe=':')}/versions/{version}"
        try:
            try:
                return self.request("GET", path)
            except NotRegistered:
                return self.request("GET", f"{path}?deleted=true")  # softly, and others may still refer to it
        except NotRegistered as error:
            raise SchemaUnknown(f"the registry {self.url} does not know version {version} of {subject}") from error


def _text(answer: Any, said: str) -> str:
    match answer:
        case {"schema": str(text)}:
            return text
    raise RegistryAnswerError(f"{said} without a schema")
