"""A schema registry as the services use it: they look up and compare, and never register.

A schema is asked for once and kept, within bounds: a registry never changes what an id means. That it does not know one
is never kept, so that whoever asks twice has two answers: how often one asks is for the caller to bound.
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple
from urllib.parse import quote
from uuid import UUID

from tally.base.fingerprint import fingerprint, fingerprint_of
from tally.base.framing import SchemaName, spoken
from tally.base.hints import hint
from tally.base.loading_cache import LoadingCache
from tally.registry.errors import NoSuchCall, NotRegistered, RegistryAnswerError, SchemaMismatch, SchemaUnknown
from tally.registry.http import RegistryHttp

IDS_MAX: Final = 4096
"""Schemas kept by id: far more than a topic's history has."""
TEXT_BYTES_MAX: Final = 32 * 1024 * 1024
"""Of the texts that are kept: four times what as many of ours take."""
_SUBJECT_UNKNOWN: Final = 40401
"""The error code of the Confluent API."""


class RegisteredSchema(NamedTuple):
    """A schema's text as the registry has it, and its semantic fingerprint (see tally.base.fingerprint).

    Of a text that is not Avro the fingerprint equals no Avro schema's: reading the text tells why.
    """

    text: str
    fingerprint: str


@dataclass(frozen=True, eq=False)
class SchemaRegistry(RegistryHttp):
    """One registry. Thread-safe. Blocking: asyncio callers go through ``asyncio.to_thread``."""

    _schemas: LoadingCache[SchemaName, RegisteredSchema] = field(
        default_factory=lambda: LoadingCache(IDS_MAX, TEXT_BYTES_MAX, lambda known: len(known.text)),
        init=False,
        repr=False,
    )

    def lookup(self, subject: str, schema_text: str) -> int:
        """Return the id of an Avro schema under a subject, after comparing what the registry has with it.

        Raises SchemaUnknown when it is not registered there, SchemaMismatch when the registry's schema means something
        else, and the other RegistryErrors.
        """
        try:
            answer = self.request("POST", f"subjects/{quote(subject, safe=':')}", {"schema": schema_text})
        except NotRegistered as error:
            no_subject = error.error_code == _SUBJECT_UNKNOWN
            unknown = "the subject is unknown" if no_subject else "the schema is not among its versions"
            raise SchemaUnknown(
                f"the registry {self.url} does not have our schema under {subject}: {unknown}; publish the "
                f"contracts (`codegen publish`, or `{hint('up')}`)"
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

    def schema(self, name: SchemaName) -> RegisteredSchema:
        """Return (text, fingerprint) of an id, or of a GUID. Raises SchemaUnknown and the other RegistryErrors."""
        return self._schemas.get(name, partial(self._fetched, name))

    def _fetched(self, name: SchemaName) -> RegisteredSchema:
        try:
            answer = self.request("GET", f"schemas/{'ids' if isinstance(name, int) else 'guids'}/{name}")
        except (NotRegistered, NoSuchCall) as error:
            # Each registry has the call for ids, so another's 404 denies nothing. Apicurio 3.3 has none for GUIDs.
            if isinstance(error, NoSuchCall) and not isinstance(name, UUID):
                raise
            raise SchemaUnknown(f"the registry {self.url} does not know schema {spoken(name)}") from error
        match answer:
            case {"schema": str(text)}:
                return RegisteredSchema(text, fingerprint_of(text))
        raise RegistryAnswerError(f"{self.url} answers schema {spoken(name)} without a schema")
