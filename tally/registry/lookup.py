"""A schema registry as the programs use it: they look up and compare, and never register.

Nothing is kept here, neither a schema nor that the registry does not know one: who asks keeps what it needs.
"""

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
        try:
            answer = self.request("GET", f"schemas/{'ids' if isinstance(name, int) else 'guids'}/{name}")
        except (NotRegistered, NoSuchCall) as error:
            # Each registry has the call for ids, so another's 404 denies nothing. Apicurio 3.3 has none for GUIDs.
            if isinstance(error, NoSuchCall) and not isinstance(name, UUID):
                raise
            raise SchemaUnknown(f"the registry {self.url} does not know schema {spoken(name)}") from error
        match answer:
            case {"schema": str(text)}:
                return text
        raise RegistryAnswerError(f"{self.url} answers schema {spoken(name)} without a schema")
