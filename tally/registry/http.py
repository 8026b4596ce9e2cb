"""Questions to a schema registry with the Confluent API: everything is bounded, and each failure is its own class.

What may pass (no connection, no answer in time, 408, 429, 5xx) is asked again, ``attempts`` times in all, after 0.2 s,
0.4 s and so on; whatever is asked, a registration too, may be asked twice. An answer is given up when it is too long,
compressed (it could grow) or still coming after ``timeout_s``. No redirect is followed.
"""

import json
import ssl
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, Protocol

from tally.base.loopback import is_loopback
from tally.registry import errors
from tally.registry.access import Access, split_userinfo

# httpx imports its command line, with rich and pygments, where click is installed: 0.27 of its 0.46 s, at every start
# of a service. It does without when that module cannot be imported. What is left is imported with the first request,
# while a service that was killed waits for Kafka in other threads.
sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]

if TYPE_CHECKING:
    import httpx

ANSWER_BYTES_MAX: Final = 16 * 1024 * 1024
"""A registry's answers are a few kilobytes; a stranger's endless page is cut off here."""
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}
_RETRY_WAIT_S: Final = 0.2
_SHOWN_BYTES_MAX: Final = 200


class Clock(Protocol):
    """What waits and measures: the module ``time``; a test gives its own."""

    def monotonic(self) -> float: ...

    def sleep(self, seconds: float, /) -> None: ...


@dataclass(frozen=True, eq=False)
class RegistryHttp:
    """One registry. Thread-safe; close() at the end. Credentials of ``access`` go before those in the address."""

    address: str = field(repr=False)
    access: Access = field(default_factory=Access)
    timeout_s: float = 5.0
    attempts: int = 3
    clock: Clock = time
    transport: "httpx.BaseTransport | None" = None

    @property
    def url(self) -> str:
        """The address without user and password, as it may be shown."""
        return split_userinfo(self.address)[0]

    @cached_property
    def _client(self) -> "httpx.Client":
        import httpx  # noqa: PLC0415

        url, in_url = split_userinfo(self.address)
        tls, here = self.access.tls(), is_loopback(url)
        if tls is None and here and url.startswith("http:"):
            # No proxy is asked, so there is no TLS: who is trusted (40 ms to read) does not matter. This trusts nobody.
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return httpx.Client(
            base_url=url,
            headers=_HEADERS | (self.access.headers or in_url.headers),
            timeout=self.timeout_s,
            transport=self.transport,
            verify=tls or True,
            trust_env=not here,
        )

    def close(self) -> None:
        """Close the connections."""
        if "_client" in vars(self):
            self._client.close()

    def request(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Return the parsed JSON of a 2xx. Raises RegistryError. ``path`` is below the address, its parts quoted."""
        for attempt in range(self.attempts):
            if attempt > 0:
                self.clock.sleep(_RETRY_WAIT_S * 2 ** (attempt - 1))
            try:
                return self._judged(f"{method} {path}", *self._exchanged(method, path, body))
            except errors.RegistryUnreachable as error:
                failure = error
        tried = f"attempts: {self.attempts}"
        raise errors.RegistryUnreachable(f"the registry {self.url} is not reachable ({tried}): {failure}", failure.kind)

    def _exchanged(self, method: str, path: str, body: Mapping[str, Any] | None) -> tuple[int, bytes]:
        """Return status and content of one answer."""
        import httpx  # noqa: PLC0415

        until_s, content = self.clock.monotonic() + self.timeout_s, bytearray()
        try:
            with self._client.stream(method, path, json=body) as response:
                if response.headers.get("Content-Encoding", "identity") != "identity":
                    raise self._no_registry(f"{method} {path} answers in an encoding that was not asked for")
                for chunk in response.iter_bytes():
                    content += chunk
                    if len(content) > ANSWER_BYTES_MAX:
                        raise self._no_registry(f"{method} {path} answers more than {ANSWER_BYTES_MAX} bytes")
                    if self.clock.monotonic() > until_s:
                        raise httpx.ReadTimeout("the answer is still coming")
        except httpx.TimeoutException as error:
            raise errors.RegistryUnreachable(f"no answer in time ({type(error).__name__})", "time-out") from error
        except httpx.TransportError as error:
            if _is_tls(error):
                raise errors.RegistryTlsError(f"no TLS connection to the registry {self.url}: {error}") from error
            raise errors.RegistryUnreachable(f"{type(error).__name__}: {error}", "no-connection") from error
        return response.status_code, bytes(content)

    def _judged(self, asked: str, status: int, content: bytes) -> Any:
        """Return the JSON of a 2xx: the one table of what status, error_code and content mean."""
        shown = " ".join(content[:_SHOWN_BYTES_MAX].decode("utf-8", "replace").split()) or "nothing"
        ok, said = 200 <= status < 300, f"{asked} answers {status}: {shown}"
        if status in {408, 429, 500, 502, 503, 504}:
            raise errors.RegistryUnreachable(said, "server-error")
        if status in {401, 403}:
            raise errors.RegistryUnauthorised(
                f"the registry {self.url} refuses {asked} ({status}); give TALLY_REGISTRY_USER and "
                "TALLY_REGISTRY_PASSWORD, or TALLY_REGISTRY_TOKEN, of an account with that right"
            )
        try:
            parsed = json.loads(content if ok else content or b"{}")
        except (ValueError, RecursionError):
            raise self._no_registry(f"not JSON, {said}") from None
        if ok:
            return parsed
        # Of a call that it does not have Apicurio says nothing, Karapace "Not Found", Redpanda an object without an
        # error_code, and Confluent one whose error_code is the status itself. A page of HTML is a wrong address.
        code = parsed.get("error_code") if isinstance(parsed, dict) else None
        if status in {404, 405} and code in (None, status):  # a list has no hash, and could come
            raise self._no_registry(said, errors.NoSuchCall)
        if not isinstance(code, int):
            raise self._no_registry(said)
        reason = str(parsed.get("message", ""))
        refused = errors.NotRegistered if status == 404 else errors.RegistryRefused
        raise refused(f"the registry {self.url} refuses {asked} ({status}): {reason}", status, reason)

    def _no_registry(self, problem: str, of: type[Exception] = errors.RegistryAnswerError) -> Exception:
        return of(
            f"{self.url} does not answer as a schema registry: {problem}; is it the Confluent-compatible address? "
            "Apicurio's ends in /apis/ccompat/v7"
        )


def _is_tls(error: BaseException | None) -> bool:
    return error is not None and (isinstance(error, ssl.SSLError) or _is_tls(error.__cause__ or error.__context__))
