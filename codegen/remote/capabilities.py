"""What a registry can do beyond what all of them can, asked once a connection and only by reading.

A registry is known by its answers and never by its name. Each question is one request, so the whole is bounded; what
was answered is kept as long as the connection, and those that ask at the same time wait for one answer. A question that
is refused or fails stays untold: whatever depends on it does what every registry can do.

Metadata and rule sets cannot be asked for without a write: they are seen in the answers that carry them.
"""

import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from tally.base.loading_cache import LoadingCache
from tally.registry.errors import NoSuchCall, NotRegistered, RegistryError, RegistryRefused
from tally.registry.http import RegistryHttp

DEFAULT_CONTEXT: Final = "."
_CONTEXT: Final = re.compile(r":(\.[^:]*):(.*)", re.DOTALL)
_IN_ADDRESS: Final = re.compile(r"/contexts/:?(\.[^/:]*):?/?$")
_NOBODY: Final = uuid.UUID(int=0)
_ANY: Final = {"schema": '"string"'}

T = TypeVar("T")


@dataclass(frozen=True)
class Capabilities:
    """What was answered; None of each is untold. ``mode`` is the registry's own, that subjects have by default."""

    contexts: frozenset[str] | None = None
    """The names of its contexts, ``.`` and ``.staging``; none when a context is only a part of a name there."""
    mode: str | None = None
    modes: bool | None = None
    guids: bool | None = None
    all_versions: bool | None = None

    def told(self) -> dict[str, tuple[str, ...]]:
        """Return what the registry can and cannot, and what it does not tell, in words."""
        answers = {
            "contexts": None if self.contexts is None else bool(self.contexts),
            "modes": self.modes,
            "GUIDs": self.guids,
            "a check against all versions": self.all_versions,
        }
        kinds = {"can": True, "cannot": False, "untold": None}
        return {kind: tuple(name for name, can in answers.items() if can is value) for kind, value in kinds.items()}

    def keeps_apart(self, context: str) -> bool:
        """Tell whether a name's context is one for the registry as well, with references of its own."""
        return self.contexts is not None and context in self.contexts


NOTHING_TOLD: Final = Capabilities()


class Asked:
    """A registry's capabilities, asked for when they are needed first. Thread-safe."""

    def __init__(self, http: RegistryHttp) -> None:
        self._http = http
        self._found: LoadingCache[str, Capabilities] = LoadingCache(1)

    def __call__(self) -> Capabilities:
        """Return what it can. Never raises for what a registry answers."""
        return self._found.get("", lambda: _ask(self._http))


def split_context(subject: str) -> tuple[str, str]:
    """Return (context, name in it): ``:.staging:orders-value`` is ``orders-value`` in ``.staging``."""
    found = _CONTEXT.fullmatch(subject)
    return (found[1], found[2]) if found else (DEFAULT_CONTEXT, subject)


def context_of_address(url: str) -> str:
    """Return the context that a registry's address ends in, as ``…/contexts/.staging`` does."""
    found = _IN_ADDRESS.search(url)
    return found[1] if found else DEFAULT_CONTEXT


def _ask(http: RegistryHttp) -> Capabilities:
    mode = _told(lambda: _mode(http))
    return Capabilities(
        contexts=_told(lambda: _contexts(http)),
        mode=mode or None,
        modes=None if mode is None else bool(mode),
        guids=_told(lambda: _has(http, "GET", f"schemas/guids/{_NOBODY}")),
        all_versions=_told(lambda: _has(http, "POST", f"compatibility/subjects/{uuid.uuid4()}/versions", _ANY)),
    )


def _told(ask: Callable[[], T]) -> T | None:
    try:
        return ask()
    except RegistryError:
        return None


def _has(http: RegistryHttp, method: str, path: str, body: Any = None) -> bool:
    """Tell whether there is such a call; of what it is asked about there is nothing."""
    try:
        http.request(method, path, body)
    except NoSuchCall:
        return False
    except RegistryRefused:
        pass
    return True


def _unless_missing(http: RegistryHttp, path: str) -> Any:
    try:
        return http.request("GET", path)
    except (NoSuchCall, NotRegistered):
        return None


def _mode(http: RegistryHttp) -> str:
    """Return the registry's own mode, nothing without modes."""
    body = _unless_missing(http, "mode")
    return str(body.get("mode") or "") if isinstance(body, dict) else ""


def _contexts(http: RegistryHttp) -> frozenset[str]:
    """Return the contexts, none of a registry that only has the call: Apicurio lists one and keeps none apart."""
    body = _unless_missing(http, "contexts")
    names = frozenset(str(name).strip(":") for name in body) if isinstance(body, list) else frozenset[str]()
    if names - {DEFAULT_CONTEXT} or (names and _has(http, "GET", f"contexts/.{_NOBODY}/subjects")):
        return names
    return frozenset()
