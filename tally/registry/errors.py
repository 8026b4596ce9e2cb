"""What keeps a registry from doing what was asked: one class each, and for machines one ``kind``."""
# ruff: noqa: N818 - the names are outcomes that callers match on


class RegistryError(Exception):
    """The message names the registry's address, without secrets, and the cure."""

    kind: str = "refused"


class RegistryUnreachable(RegistryError):
    """No answer at any attempt. May pass; ``kind`` is "no-connection", "time-out" or "server-error"."""

    def __init__(self, message: str, kind: str = "no-connection") -> None:
        super().__init__(message)
        self.kind = kind


class RegistryTlsError(RegistryError):
    """No TLS: an unknown certificate, another host's, none of ours, no TLS there, or a file of ours is no PEM file."""

    kind = "tls"


class RegistryUnauthorised(RegistryError):
    """The registry refuses the credentials or asks for some (401, 403)."""

    kind = "unauthorised"


class RegistryAnswerError(RegistryError):
    """The answer is not what a registry says: not JSON, too long, or without a field. Often a wrong address."""

    kind = "not-a-registry"


class NoSuchCall(RegistryAnswerError):
    """A 404 or 405 that is not the registry's own word: it does not have that call, or the address is wrong."""


class RegistryRefused(RegistryError):
    """The registry understood and says no (409 incompatible, 422 invalid, …); ``reason`` is its own sentence."""

    def __init__(self, message: str, status: int, reason: str) -> None:
        super().__init__(message)
        self.status, self.reason = status, reason


class NotRegistered(RegistryRefused):
    """The registry's own word that it does not have what was asked for (404)."""


class SchemaUnknown(RegistryError):
    """The registry does not know that id, that GUID, that subject, or that schema under the subject."""


class SchemaMismatch(RegistryError):
    """The registry takes our schema for one that means something else."""
