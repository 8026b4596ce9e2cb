"""HTTP to a schema registry with the Confluent API: credentials, bounded retries, and every failure as its own type.

Only what may pass is retried (no connection, time-out, 408, 429, 5xx), at most ``attempts`` times with a doubling wait;
the clock is an argument. Requests are idempotent on a registry, registrations too, so that a repetition does no harm.
"""
# ruff: noqa: N818 - the names of the errors are outcomes that callers match on

import base64
import json
import ssl
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol
from urllib.parse import unquote, urlsplit, urlunsplit

from tally.base.loopback import is_loopback

# httpx imports its command line, with rich and pygments, where click is installed: 0.27 of its 0.46 s, at every start
# of a service. It does without when that module cannot be imported. What is left is imported with the first request,
# while a service that was killed waits for Kafka in other threads.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

if TYPE_CHECKING:
    import httpx

ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
"""A registry's answers are a few kilobytes; a stranger's endless page is cut off here."""

SUBJECT_UNKNOWN: Final = 40401
"""The error code of the Confluent API."""

_SHOWN_CHARACTERS_MAX: Final = 200
_CONTENT_TYPE: Final = "application/vnd.schemaregistry.v1+json"
_RETRIED_STATUS: Final = frozenset({408, 429, 500, 502, 503, 504})


class RegistryError(Exception):
    """The registry did not do what was asked; the message names its address, masked, and the cure.

    ``kind`` is the same for machines.
    """

    kind = "refused"


class RegistryUnreachable(RegistryError):
    """No connection, no answer in time, or errors of the server's own (5xx), also after the retries. May pass."""

    def __init__(
        self, message: str, kind: Literal["no-connection", "time-out", "server-error"] = "no-connection"
    ) -> None:
        super().__init__(message)
        self.kind = kind


class RegistryUnauthorised(RegistryError):
    """The registry refuses the credentials or asks for some (401, 403)."""

    kind = "unauthorised"


class RegistryTlsError(RegistryError):
    """The TLS handshake failed: an unknown certificate, another host's, none of ours, or no TLS at all."""

    kind = "tls"


class RegistryAnswerError(RegistryError):
    """The answer is not what a registry says: not JSON, or without the fields it must have. Often a wrong address."""

    kind = "not-a-registry"


class RegistryRefused(RegistryError):
    """The registry understood and says no (409 incompatible, 422 invalid, …)."""

    def __init__(self, message: str, status: int, reason: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason


class Clock(Protocol):
    """What waits and measures; a test gives its own."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> None: ...


class SystemClock:
    """The real clock."""

    @staticmethod
    def monotonic() -> float:
        return time.monotonic()

    @staticmethod
    def sleep(seconds: float, /) -> None:
        time.sleep(seconds)


@dataclass(frozen=True)
class Credentials:
    """A token, or a user with a password."""

    user: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def header(self) -> str | None:
        """Return the Authorization header, or None without credentials."""
        if self.token:
            return f"Bearer {self.token}"
        if self.user:
            pair = f"{self.user}:{self.password}".encode()
            return f"Basic {base64.b64encode(pair).decode('ascii')}"
        return None


@dataclass(frozen=True)
class Answer:
    """A registry's answer: the HTTP status and the parsed JSON."""

    status: int
    body: Any

    @property
    def error_code(self) -> int | None:
        """The registry's own error code, for example 40401 for an unknown subject."""
        code = self.body.get("error_code") if isinstance(self.body, dict) else None
        return code if isinstance(code, int) else None


class RegistryHttp:
    """Sends requests to one registry. Thread-safe; close() at the end."""

    def __init__(
        self,
        url: str,
        *,
        credentials: Credentials | None = None,
        timeout_s: float = 5.0,
        attempts: int = 3,
        retry_wait_s: float = 0.2,
        clock: Clock | None = None,
        transport: "httpx.BaseTransport | None" = None,
        verify: ssl.SSLContext | bool = True,
    ) -> None:
        assert attempts >= 1
        address, from_url = split_userinfo(url)
        self.url = address
        self._attempts = attempts
        self._retry_wait_s = retry_wait_s
        self._clock = clock or SystemClock()
        self._headers = {"Accept": f"{_CONTENT_TYPE}, application/json", "Content-Type": _CONTENT_TYPE}
        authorization = (credentials or from_url).header()
        if authorization is not None:
            self._headers["Authorization"] = authorization
        self._timeout_s = timeout_s
        self._transport = transport
        self._verify = verify

    @cached_property
    def _client(self) -> "httpx.Client":
        import httpx  # noqa: PLC0415

        return httpx.Client(
            base_url=self.url.rstrip("/") + "/",
            headers=self._headers,
            timeout=self._timeout_s,
            transport=self._transport,
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if self._verify is True and self._is_plain else self._verify,
            follow_redirects=False,
            trust_env=not is_loopback(self.url),
        )

    @property
    def _is_plain(self) -> bool:
        """Tell whether no connection can be by TLS: then the authorities that are trusted need not be read, 40 ms.

        A context without any trusts nobody. A plain address is never left, since no redirect is followed.
        """
        from urllib.request import getproxies  # noqa: PLC0415 - as heavy as httpx, which imports it, too

        return not any(url.startswith("https:") for url in (self.url, *getproxies().values()))

    def close(self) -> None:
        """Close the connections."""
        if "_client" in vars(self):
            self._client.close()

    def request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        accept: tuple[int, ...] = (),
        maybe_missing: bool = False,
    ) -> Answer:
        """Return the answer of a 2xx or an ``accept``ed status with the registry's JSON; raise RegistryError else.

        ``path`` is below the registry's address, its parts quoted already. ``maybe_missing``: not every registry has
        this call; an ``accept``ed status without the registry's own JSON, which is how they say so, is an answer too.
        """
        import httpx  # noqa: PLC0415

        kind: Literal["no-connection", "time-out", "server-error"]
        for attempt in range(1, self._attempts + 1):
            try:
                response = self._send(method, path, body)
                if response.status_code not in _RETRIED_STATUS:
                    break
                failure, kind = f"answers {response.status_code}: {_shown(response.text)}", "server-error"
            except httpx.TimeoutException as error:
                failure, kind = f"no answer in time ({type(error).__name__})", "time-out"
            except httpx.TransportError as error:
                if _is_tls(error):
                    raise RegistryTlsError(f"no TLS connection to the registry {self.url}: {error}") from error
                failure, kind = f"{type(error).__name__}: {error}", "no-connection"
            if attempt == self._attempts:
                tries = "1 attempt" if attempt == 1 else f"{attempt} attempts"
                raise RegistryUnreachable(f"the registry {self.url} is not reachable ({tries}): {failure}", kind)
            self._clock.sleep(self._retry_wait_s * 2 ** (attempt - 1))
        if maybe_missing and response.status_code in accept and _no_such_call(response):
            return Answer(response.status_code, None)
        return self._judged(response, method, path, accept)

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> "httpx.Response":
        import httpx  # noqa: PLC0415

        content = None if body is None else json.dumps(body)
        request = self._client.build_request(method, path.lstrip("/"), content=content)
        response = self._client.send(request, stream=True)
        try:
            received = bytearray()
            for chunk in response.iter_bytes():
                received += chunk
                if len(received) > ANSWER_BYTES_MAX:
                    raise RegistryAnswerError(f"{self.url} answers more than {ANSWER_BYTES_MAX} bytes: not a registry")
        finally:
            response.close()
        return httpx.Response(response.status_code, content=bytes(received), request=request)

    def _judged(self, response: "httpx.Response", method: str, path: str, accept: tuple[int, ...]) -> Answer:
        status = response.status_code
        if status in {401, 403}:
            raise RegistryUnauthorised(
                f"the registry {self.url} refuses {method} {path} ({status}); give TALLY_REGISTRY_USER and "
                "TALLY_REGISTRY_PASSWORD, or TALLY_REGISTRY_TOKEN, of somebody who may"
            )
        try:
            parsed = json.loads(response.content)
        except (ValueError, RecursionError):
            raise self._not_a_registry(f"{method} {path} answers {status}, not JSON: {_shown(response.text)}") from None
        answer = Answer(status, parsed)
        if 200 <= status < 300:
            return answer
        if answer.error_code is None:
            raise self._not_a_registry(f"{method} {path} answers {status}: {_shown(response.text)}")
        if status in accept:
            return answer
        reason = str(parsed.get("message", ""))
        raise RegistryRefused(f"the registry {self.url} refuses {method} {path} ({status}): {reason}", status, reason)

    def _not_a_registry(self, problem: str) -> RegistryAnswerError:
        return RegistryAnswerError(
            f"{self.url} does not answer as a schema registry: {problem}; is it the Confluent-compatible address? "
            "Apicurio's ends in /apis/ccompat/v7"
        )


def split_userinfo(url: str) -> tuple[str, Credentials]:
    """Return (the address without userinfo, the credentials that stood in it)."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    credentials = Credentials(unquote(parts.username or ""), unquote(parts.password or ""))
    return urlunsplit(parts._replace(netloc=host)), credentials


def masked(url: str) -> str:
    """Return the address as it may be shown and logged: userinfo replaced."""
    address, credentials = split_userinfo(url)
    return address.replace("://", "://***@", 1) if credentials.user or credentials.password else address


def _no_such_call(response: "httpx.Response") -> bool:
    """Tell whether a server says in its framework's words that it has no such call, and not in a registry's.

    Apicurio answers nothing, Karapace the text "Not Found", Redpanda an object without an error_code, and Confluent
    one whose error_code is the status itself.
    """
    if not response.content:
        return True
    try:
        parsed = json.loads(response.content)
    except (ValueError, RecursionError):
        return False
    return Answer(response.status_code, parsed).error_code in {None, response.status_code}


def _is_tls(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, ssl.SSLError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _shown(text: str) -> str:
    """Return a stranger's text for a message: one line, short."""
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_CHARACTERS_MAX else line[:_SHOWN_CHARACTERS_MAX] + "…"
