"""REST as a test calls it: JSON in and out over http.client, problem documents as values."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

REQUEST_S = 35.0


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Status, headers with lower-case names, and the body as bytes."""

    status: int
    headers: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        """The body as JSON."""
        return json.loads(self.content)

    @property
    def problem(self) -> Any:
        """The body, which must be a problem document with a type of ours."""
        assert self.headers["content-type"] == "application/problem+json", self
        assert self.body["status"] == self.status
        assert self.body["type"].startswith("urn:tally:problem:")
        return self.body


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow nothing: a redirect is an answer."""


_OPENER = urllib.request.build_opener(_Stay)


def call(method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None) -> Answer:
    """Return the answer to a call, whatever its status. Raises OSError when there is none."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        url, data=data, method=method, headers={"Content-Type": "application/json", **(headers or {})}
    )
    try:
        with _OPENER.open(request, timeout=REQUEST_S) as answer:
            return _answer(answer)
    except urllib.error.HTTPError as error:
        return _answer(error)


def get(url: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Return the answer to GET."""
    return call("GET", url, headers=headers)


def _answer(answer: Any) -> Answer:
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Answer(status=answer.status, headers=headers, content=answer.read())
