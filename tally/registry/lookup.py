"""A schema registry as the services use it: they look up and compare, and never register.

State: a bounded cache by schema id, guarded by a lock that is never held while the registry is asked. An id is UNKNOWN
(absent), FETCHING (one thread asks; those that come meanwhile wait and share its answer, failures included) or KNOWN
(kept: a registry never changes what an id means). That an id is not known there is never kept, so that whoever asks
twice has two answers: how often one asks is for the caller to bound.
"""
# ruff: noqa: N818 - the names of the errors are outcomes that callers match on

import ssl
import threading
from collections.abc import Sequence
from functools import partial
from typing import Any, Final, NamedTuple
from urllib.parse import quote
from uuid import UUID

from tally.base.bounded_cache import BoundedCache
from tally.base.framing import SchemaName
from tally.base.settings import Settings, SettingsError
from tally.base.single_flight import SingleFlight
from tally.registry.fingerprint import fingerprint, fingerprint_of
from tally.registry.http import (
    SUBJECT_UNKNOWN,
    Answer,
    Clock,
    Credentials,
    RegistryAnswerError,
    RegistryError,
    RegistryHttp,
    RegistryRefused,
    RegistryTlsError,
    RegistryUnauthorised,
    RegistryUnreachable,
    SystemClock,
)
from tally.registry.tls import TlsFiles

IDS_MAX: Final = 4096
"""Schemas kept by id: far more than a topic's history has."""
TEXT_BYTES_MAX: Final = 32 * 1024 * 1024
"""Of the texts that are kept: four times what as many of ours take."""


class SchemaUnknown(RegistryError):
    """The registry knows neither that id, or not that subject, or not that schema under it."""


class SchemaMismatch(RegistryError):
    """The registry takes our schema for one that means something else."""


class RegisteredSchema(NamedTuple):
    """A schema's text as the registry has it, and its semantic fingerprint (see tally.registry.fingerprint).

    Of a text that is not Avro the fingerprint equals no Avro schema's: reading the text tells why.
    """

    text: str
    fingerprint: str


class SchemaRegistry:
    """One registry. Thread-safe. Blocking: asyncio callers go through ``asyncio.to_thread``."""

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials | None = None,
        timeout_s: float = 5.0,
        attempts: int = 3,
        clock: Clock | None = None,
        http: RegistryHttp | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._http = http or RegistryHttp(
            url,
            credentials=credentials,
            timeout_s=timeout_s,
            attempts=attempts,
            clock=clock or SystemClock(),
            verify=tls or True,
        )
        self._lock = threading.Lock()
        self._known: BoundedCache[SchemaName, RegisteredSchema] = BoundedCache(IDS_MAX, TEXT_BYTES_MAX)
        self._fetching: SingleFlight[SchemaName, RegisteredSchema] = SingleFlight()

    @property
    def url(self) -> str:
        """The address without credentials."""
        return self._http.url

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def lookup(self, subject: str, schema_text: str) -> int:
        """Return the id of an Avro schema under a subject, after comparing what the registry has with it.

        Raises SchemaUnknown when it is not registered there, SchemaMismatch when the registry's schema means something
        else, and the other RegistryErrors.
        """
        found = self._lookup(subject, schema_text)
        registered, schema_id = found.get("schema"), found.get("id")
        if not isinstance(registered, str) or not isinstance(schema_id, int) or isinstance(schema_id, bool):
            raise RegistryAnswerError(f"{self.url} answers a look-up of {subject} without an id and a schema")
        ours, theirs = fingerprint(schema_text), fingerprint_of(registered)
        if ours != theirs:
            raise SchemaMismatch(
                f"the registry {self.url} has another schema with id {schema_id} under {subject}: fingerprint "
                f"{theirs[:12]}…, ours is {ours[:12]}…; publish the contracts, or run the version that fits"
            )
        return schema_id

    def _lookup(self, subject: str, schema_text: str) -> dict[str, Any]:
        answer = self._http.request(
            "POST", f"subjects/{quote(subject, safe=':')}", {"schema": schema_text}, accept=(404,)
        )
        if answer.status == 404:
            no_subject = answer.error_code == SUBJECT_UNKNOWN
            unknown = "the subject is unknown" if no_subject else "the schema is not among its versions"
            raise SchemaUnknown(
                f"the registry {self.url} does not have our schema under {subject}: {unknown}; publish the contracts "
                "(codegen publish, or just up)"
            )
        return _object(answer, self.url)

    def schema(self, name: SchemaName) -> RegisteredSchema:
        """Return (text, fingerprint) of an id, or of a GUID. Raises SchemaUnknown and the other RegistryErrors."""
        return self._cached(name) or self._fetching.ask(name, partial(self._fetch, name))

    def _cached(self, name: SchemaName) -> RegisteredSchema | None:
        with self._lock:
            return self._known.get(name)

    def _fetch(self, name: SchemaName) -> RegisteredSchema:
        if (known := self._cached(name)) is not None:  # by a thread that came right before
            return known
        # Confluent's registry knows GUIDs; Apicurio 3.3 has no such call.
        by_guid = isinstance(name, UUID)
        answer = self._http.request("GET", _path(name), accept=(404,), maybe_missing=by_guid)
        if answer.status == 404 and answer.error_code == 404 and not by_guid:
            raise RegistryAnswerError(
                f"{self.url} answers {_path(name)} with 404 and no word on the schema: something before the registry "
                "does not know that path"
            )
        if answer.status == 404:
            raise SchemaUnknown(f"the registry {self.url} does not know schema {spoken(name)}")
        text = _object(answer, self.url).get("schema")
        if not isinstance(text, str):
            raise RegistryAnswerError(f"{self.url} answers schema {spoken(name)} without a schema")
        found = RegisteredSchema(text, fingerprint_of(text))
        with self._lock:
            self._known.put(name, found, weight=len(text))
        return found


def of_settings(settings: Settings) -> SchemaRegistry:
    """Return the registry of a service's settings. Raises SettingsError for TLS files that are none."""
    given = Credentials(settings.registry_user, settings.registry_password, settings.registry_token)
    files = TlsFiles(
        settings.registry_ca, settings.registry_cert, settings.registry_key, settings.registry_key_password
    )
    try:
        tls = files.context()
    except RegistryTlsError as error:
        raise SettingsError(str(error)) from error
    return SchemaRegistry(settings.registry_url, credentials=given if given.header() else None, tls=tls)


def spoken(name: SchemaName) -> str:
    """Return what a person reads: ``id 7``, or ``GUID 89791762-…``."""
    return f"id {name}" if isinstance(name, int) else f"GUID {name}"


def _path(name: SchemaName) -> str:
    return f"schemas/ids/{name}" if isinstance(name, int) else f"schemas/guids/{name}"


def _object(answer: Answer, url: str) -> dict[str, Any]:
    if not isinstance(answer.body, dict):
        raise RegistryAnswerError(f"{url} answers {type(answer.body).__name__} where an object is due")
    return answer.body


__all__: Sequence[str] = [
    "Credentials",
    "RegisteredSchema",
    "RegistryAnswerError",
    "RegistryError",
    "RegistryRefused",
    "RegistryTlsError",
    "RegistryUnauthorised",
    "RegistryUnreachable",
    "SchemaMismatch",
    "SchemaRegistry",
    "SchemaUnknown",
    "of_settings",
    "spoken",
]
