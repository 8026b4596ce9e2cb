"""Calls of the REST service, with every failure as an error of the command."""

from collections.abc import Callable
from typing import Any

import httpx

from tally.base.loopback import is_loopback
from tally.base.shown.values import printable
from tally.cli.failures import CommandError, UnavailableError

_TIMEOUT_S = 10.0
_REASON_LENGTH_MAX = 300


class RestService:
    """A REST service at one address: Tally's, unless it is named. ``with`` closes the connection."""

    def __init__(
        self,
        address: str,
        *,
        name: str = "the REST service",
        setting: str = "TALLY_REST_PORT",
        recipe: str = "up",
    ) -> None:
        """``name``, ``setting`` (which moves it) and ``recipe`` (which starts it) are for messages."""
        self.address = address
        self._name, self._setting, self._recipe = name, setting, recipe
        self._http = httpx.Client(
            base_url=address, timeout=_TIMEOUT_S, trust_env=not is_loopback(address), follow_redirects=True
        )

    def __enter__(self) -> "RestService":
        return self

    def __exit__(self, *_error: object) -> None:
        self._http.close()

    def call(
        self,
        method: str,
        path: str,
        *,
        params: dict[str, str] | None = None,
        body: object = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> httpx.Response:
        """Return a successful answer. Raises UnavailableError and CommandError."""
        return self._successful(self._answer(method, path, params=params, json=body, timeout=timeout_s))

    def find(self, path: str) -> httpx.Response | None:
        """Return the answer to GET, None when it is 404. Raises UnavailableError and CommandError."""
        response = self._answer("GET", path)
        return None if response.status_code == httpx.codes.NOT_FOUND else self._successful(response)

    def download(self, path: str, write: Callable[[bytes], object]) -> None:
        """Stream a file into ``write``. Raises UnavailableError and CommandError."""
        try:
            with self._http.stream("GET", path) as response:
                if not response.is_success:
                    response.read()
                    raise self._refused(response)
                for chunk in response.iter_bytes():
                    write(chunk)
        except httpx.HTTPError as error:
            raise self._gone(error) from None

    def _answer(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **options)
        except httpx.HTTPError as error:
            raise self._gone(error) from None

    def _successful(self, response: httpx.Response) -> httpx.Response:
        if not response.is_success:
            raise self._refused(response)
        return response

    def _gone(self, error: httpx.HTTPError) -> UnavailableError:
        if isinstance(error, httpx.ConnectError):
            return UnavailableError.service(self._name, self.address, self._setting, self._recipe)
        return UnavailableError(f"{self._name} at {self.address} broke off ({type(error).__name__}): try again")

    def _refused(self, response: httpx.Response) -> CommandError:
        """Return the error of a problem document (RFC 9457), or of an answer that is none."""
        try:
            problem = response.json()
            reason = printable(str(problem.get("detail") or problem.get("title") or ""))
        except (ValueError, AttributeError):
            reason = printable(_in_one_line(response.text))  # of a proxy, or of an engine
        asked = f"{response.request.method} {response.request.url}"
        message = f"{asked}: {response.status_code} {reason or response.reason_phrase}"
        return UnavailableError(message) if response.status_code in (502, 503, 504) else CommandError(message)


def _in_one_line(text: str) -> str:
    """Return the beginning of a text that may be a whole page, without line breaks; "" when there is none."""
    words = " ".join(text[: 4 * _REASON_LENGTH_MAX].split())
    return words if len(words) <= _REASON_LENGTH_MAX else f"{words[:_REASON_LENGTH_MAX]}…"
