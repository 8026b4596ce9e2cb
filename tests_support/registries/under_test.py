"""The registry that the conformance tests ask: the native one, or another that TALLY_TEST_REGISTRY_URL names.

Whatever the tests register stands under words of their own, random ones, and is removed at the end, for good where the
registry can do that. Credentials are those of the environment, as codegen takes them.
"""

import os
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

import httpx

from codegen.remote.capabilities import split_context
from stack import Stack
from tally.registry.access import Access, split_userinfo
from tally.registry.lookup import SchemaRegistry

URL: Final = os.environ.get("TALLY_TEST_REGISTRY_URL", "")
"""Empty: the native registry."""

_SHARED: Final = "google/rpc/status.proto"
"""A file of another package that our contracts import: it is registered when it is missing."""


class RegistryUnderTest:
    """A registry's address, and Kafka's beside it, if there is one; ``ask`` is a request as anybody would send it."""

    def __init__(self, url: str, kafka: str) -> None:
        self.url = url
        self.kafka = kafka
        self._words: list[str] = []
        address, in_url = split_userinfo(url)
        access = Access.of_environment(os.environ)
        headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"} | (access.headers or in_url.headers)
        self._client = httpx.Client(
            base_url=address.rstrip("/") + "/", headers=headers, verify=access.tls() or True, timeout=20
        )
        self._had_shared = _SHARED in self._subjects()

    def word(self) -> str:
        """Return the beginning of names that nobody else uses."""
        self._words.append(f"t{uuid.uuid4().hex[:8]}")
        return self._words[-1]

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """Send a request; the parts of the path are quoted already."""
        return self._client.request(method, path, json=body)

    def must(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request, which succeeds, and return the JSON of its answer."""
        return self.ask(method, path, body).raise_for_status().json()

    def http(self, below: str = "") -> SchemaRegistry:
        """Return a connection as the product makes it, perhaps to an address below the registry's."""
        return SchemaRegistry(self.url.rstrip("/") + below, Access.of_environment(os.environ))

    def remove(self) -> None:
        """Delete what the tests registered, what refers to others first, and close the connection.

        What cannot be deleted is named in a warning: it stays in somebody's registry.
        """
        left = [name for name in self._subjects("?deleted=true") if self._ours(name)]
        while left:
            kept = [name for name in left if not self._deleted(name)]
            if len(kept) == len(left):
                break
            left = kept
        if left:
            said = f"{self._client.base_url} did not delete what the tests registered: {', '.join(left)}"
            warnings.warn(said, stacklevel=2)
        self._client.close()

    def _ours(self, name: str) -> bool:
        shared = name == _SHARED and not self._had_shared
        return shared or any(split_context(name)[1].startswith(word) for word in self._words)

    def _deleted(self, name: str) -> bool:
        """Delete a subject for good, and what is set for it; tell whether nothing refers to it any more."""
        subject = f"subjects/{quote(name, safe=':')}"
        for path in (f"mode/{quote(name, safe=':')}", f"config/{quote(name, safe=':')}", subject):
            answer = self.ask("DELETE", path)
        gone = self.ask("DELETE", f"{subject}?permanent=true")
        return answer.is_success or gone.is_success

    def _subjects(self, query: str = "") -> list[str]:
        return [str(name) for name in self.must("GET", f"subjects{query}") or ()]


@contextmanager
def registry_under_test(native: Callable[[], Stack]) -> Iterator[RegistryUnderTest]:
    """Yield the registry; the stack is asked for only when no other registry is named."""
    if URL:
        registry = RegistryUnderTest(URL, "")
    else:
        stack = native()
        registry = RegistryUnderTest(stack.registry_url, stack.bootstrap_servers)
    try:
        yield registry
    finally:
        registry.remove()
